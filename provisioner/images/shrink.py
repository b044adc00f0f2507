"""Making an image for smaller disks: its last file system is made smaller, and captured again.

Chunks lie at fixed places, so a smaller file system is another image: it is made here, once, on a
sparse copy, and not on every disk. The old image stays as it is. Partitions never move: of a disk
image only the last one shrinks.
"""

from __future__ import annotations

import tempfile
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from initramfs.imaging.capture.capture import Facts
from initramfs.imaging.device.device import Device, content_of
from initramfs.imaging.device.loop import loop_device
from initramfs.imaging.errors import LayoutError
from initramfs.imaging.filesystem.limits import why_not_shrunk
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.filesystem.resize import cannot_shrink, minimum, shrink, tidy
from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.format.index import State
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.gpt import backup_size, move
from initramfs.imaging.label.model import Bare, Bounds, Edits, Label, LabelType, Partition
from initramfs.imaging.label.relabel import relabel
from initramfs.imaging.restore.look_ahead import facts_in, filesystem_of
from provisioner.base.ownership import make_folder
from provisioner.images.formats.exports import export_image
from provisioner.images.operations import Added, Options, add_image
from provisioner.stores.files import failing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from initramfs.imaging.device.parallel import ProgressCallback
    from provisioner.stores.protocols import WritableStore


@dataclass(frozen=True, slots=True)
class Place:
    """The part of the copy that becomes smaller.

    ``label`` and ``part`` are None in the image of a partition. ``behind``: bytes of the disk's label that
    follow the part.
    """

    label: Label | None
    part: Partition | None
    bounds: Bounds
    behind: int


def shrink_image(
    store: WritableStore,
    key: Ed25519PrivateKey,
    image: Manifest,
    facts: Facts,
    *,
    size: int | None,
    folder: Path,
    progress: ProgressCallback,
) -> Added:
    """Add a smaller version of ``image``: of ``size`` bytes in all, or as small as its content allows.

    ``folder`` takes a sparse copy meanwhile. Raises LayoutError with the smallest possible size,
    DiskError, StoreError.
    """
    place = _place(image)
    _check(store, image, place)
    with _copy(store, image, folder, progress) as copy:
        new = _shrink(copy, place, size)
        _cut(copy, place, new, image.header.sector_size)
        _tidy(copy, place, new)
        options = Options(
            chunk_size=image.header.chunk_size,
            sector_size=image.header.sector_size,
            empty=_emptied(image),
            progress=progress,
        )
        return add_image(store, key, copy, facts, options)


def _place(image: Manifest) -> Place:
    header = image.header
    if header.is_raw:
        raise LayoutError(
            f"{image.title} was kept as one piece: it is not known what lies where in it",
            "capture the disk without --raw",
        )
    if header.label is None:
        return Place(None, None, Bounds(0, header.size), 0)
    if not header.label.areas:
        raise LayoutError(f"{image.title} has no partition that could be made smaller")
    behind = backup_size(header.sector_size) if header.label.type is LabelType.GPT else 0
    last = header.label.areas[-1]
    return Place(header.label, last, last.bounds, behind)


def _check(store: WritableStore, image: Manifest, place: Place) -> None:
    """Refuse what no tool makes smaller, before anything is copied."""
    number = place.part.number if place.part is not None else Bare.BARE
    found = filesystem_of(image, number)
    why = why_not_shrunk(found.type, facts_in(store, image, number)) if found is not None else ""
    if found is not None and why:
        raise _named(place, cannot_shrink(found.type, why))


def _named(place: Place, error: LayoutError) -> LayoutError:
    which = f"partition {place.part.number}, the last one: " if place.part else ""
    return LayoutError(f"{which}{error.message}", error.hint)


@contextmanager
def _copy(store: WritableStore, image: Manifest, folder: Path, progress: ProgressCallback) -> Iterator[Path]:
    with failing("write", folder):
        make_folder(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix="shrink-") as name:
        path = Path(name, "copy")
        export_image(image, store, path, progress=progress)
        yield path


def _shrink(copy: Path, place: Place, size: int | None) -> int:
    """Shrink the file system; the partition's new size."""
    part = place.bounds
    with loop_device(copy, part.start, part.size, writable=True) as loop:
        kind = probe(loop, 0, part.size).type
        try:
            least = _up(minimum(kind, loop))
        except LayoutError as error:
            raise _named(place, error) from error
        new = least if size is None else (size - place.behind - part.start) // MIB * MIB
        if new < least:
            raise LayoutError(
                f"the image cannot be made smaller than {part.start + least + _up(place.behind)} bytes, "
                f"{size} were asked for",
                "remove files before capturing, or ask for more",
            )
        if new >= part.size:
            raise LayoutError(f"that is no smaller: the {kind} has {part.size} bytes", "ask for less")
        shrink(kind, loop, new)
    return new


def _up(size: int) -> int:
    return -(-size // MIB) * MIB


def _cut(copy: Path, place: Place, new: int, sector_size: int) -> None:
    """Make the label say so, and let the copy end there."""
    end = place.bounds.start + new + _up(place.behind)
    if place.label is not None and place.part is not None:
        with Device.open(copy, writable=True, sector_size=sector_size) as device:
            for patch in relabel(device.read, place.label, sector_size, _edits(place.label, place.part, new)):
                _write(device, patch.offset, patch.data)
    with failing("cut", copy), copy.open("r+b") as file:
        file.truncate(end)
    if place.label is not None and place.label.type is LabelType.GPT:
        with Device.open(copy, writable=True, sector_size=sector_size) as device:
            moved = move(device.read(0, place.label.areas[0].start), sector_size, end)
            _write(device, 0, moved.head)
            _write(device, moved.tail_offset, moved.tail)


def _edits(label: Label, part: Partition, new: int) -> Edits:
    inside = label.container_of(part)
    outer = {inside.number: part.start + new - inside.start} if inside else {}
    for other in label.partitions:
        if label.is_container(other) and other is not inside and other.start >= part.end:
            raise LayoutError(f"the empty partition {other.number} lies behind the last one", "remove it")
    return Edits({part.number: new, **outer})


def _write(device: Device, offset: int, data: bytes) -> None:
    """Any bytes anywhere: whole sectors are read, changed and written."""
    step = device.sector_size
    first, last = offset - offset % step, -(-(offset + len(data)) // step) * step
    sectors = bytearray(device.read(first, last - first))
    sectors[offset - first : offset - first + len(data)] = data
    device.write(content_of(sectors), first)


def _tidy(copy: Path, place: Place, new: int) -> None:
    with loop_device(copy, place.bounds.start, new, writable=True) as loop:
        tidy(probe(loop, 0, new).type, loop)


def _emptied(image: Manifest) -> list[int]:
    """Partitions that were emptied on purpose: all zeros, and no file system."""
    if image.header.label is None:
        return []
    full = {found.partition for found in image.header.filesystems}
    empty = [area for area in image.header.label.areas if area.number not in full]
    return [area.number for area in empty if not _holds_data(image, area)]


def _holds_data(image: Manifest, area: Partition) -> bool:
    first = bisect_left(image.index, area.start, key=lambda item: item.offset)
    inside = takewhile(lambda item: item.offset < area.end, image.index[first:])
    return any(item.state is State.DATA for item in inside)
