"""Raw content: what makes it believable, and whether it is all there.

Raw is what was said to be raw, or what begins as a disk or a file system does; anything else may be a
container that is not known here, and its bytes would make a worthless image. What is believed must be whole:
its file systems must not be larger than the room they have.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import LabelError
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.label import read_label
from initramfs.imaging.label.gpt import GptHeader
from initramfs.imaging.label.mbr import entries
from initramfs.imaging.label.model import Bounds, Label, LabelType
from provisioner.images.filesystem_size import needed_by
from provisioner.images.formats.pieces import COPY_AGAIN
from provisioner.stores.errors import StoreError

NO_DISKS = ("iso9660", "udf", "squashfs", "squashfs3", "cramfs", "erofs", "romfs")
"""File systems, as blkid names them, that are how files travel and no disk of a machine."""


def has_table(head: bytes) -> bool:
    """Whether a disk's partition table stands in the first sector."""
    return any(entry.count for entry in entries(head[:512]) or ())


def believe(path: Path, sector_size: int, *, said: bool) -> tuple[str, ...]:
    """Notes on the raw disk or partition in ``path``; ``said``: its container vouches for it.

    Raises StoreError if it looks like neither, or is cut off; if its table is no good.
    """
    with Device.open(path, shared=True, sector_size=sector_size) as device:
        label = _label(device)
        if label is None and not said and not _known(path, device.size):
            raise StoreError(
                f"{path.name} is no kind of image that is known, and begins like no disk and no file system",
                "if it is raw content all the same, say so: --format raw",
            )
        check_whole(device, label)
        return tuple(_notes(device, label))


def _label(device: Device) -> Label | None:
    try:
        return read_label(device.read, device.size, device.sector_size)
    except LabelError as error:
        raise StoreError(
            f"{device.path.name}: {error.message}",
            f"was it cut off? Copy it again; or {error.hint}; or keep it as one piece: --format raw",
        ) from error


def is_opaque(path: Path, sector_size: int) -> bool:
    """Whether nothing can be said of the parts of a disk, as of a stick made of an ISO image."""
    with Device.open(path, shared=True, sector_size=sector_size) as device:
        try:
            read_label(device.read, device.size, sector_size)
        except LabelError:
            return True
    return False


def check_whole(device: Device, label: Label | None) -> None:
    """Raises StoreError if a file system is larger than its partition: the rest of it is not there."""
    if label is None:
        _check_place(device, Bounds(0, device.size), device.path.name)
        return
    for area in label.areas:
        _check_place(device, area.bounds, f"partition {area.number}")


def _check_place(device: Device, place: Bounds, name: str) -> None:
    kind = probe(device.path, place.start, place.size).type
    needed = needed_by(kind, lambda at, length: device.read(place.start + at, length))
    if needed > place.size:
        raise StoreError(
            f"the {kind} in {name} has {needed} bytes, there are {place.size}: the rest is missing",
            COPY_AGAIN,
        )


def _known(path: Path, size: int) -> bool:
    kind = probe(path, 0, size).type
    return bool(kind) and kind not in NO_DISKS


def _notes(device: Device, label: Label | None) -> Iterator[str]:
    """The partitions are all there, but the disk was longer: the backup of its table is gone."""
    if label is None or label.type is not LabelType.GPT:
        return
    header = GptHeader.decode(device.read(device.sector_size, device.sector_size))
    end = (header.alternate_lba + 1) * device.sector_size
    if end > device.size:
        yield (f"the GPT is of a disk of {end} bytes, {device.size} are there: its backup is missing")
