"""The wish for one partition to grow: which one that is, and why it stays as it is. No I/O.

Everything here is known before the first write. :mod:`~initramfs.imaging.restore.room` says how far it grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from initramfs.imaging.errors import LayoutError
from initramfs.imaging.filesystem.limits import why_not_grown
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.model import Bare, Label, Partition, PartitionNumber, which
from initramfs.imaging.restore.look_ahead import Seen, filesystem_of
from initramfs.imaging.restore.room import Room, is_windows_extra
from initramfs.messages import GrowFailure, Last


@dataclass(frozen=True, slots=True)
class Growing:
    """The wish for one partition to grow: which, what if it cannot, and what was seen of the images."""

    which: int | Last | None = None
    failure: GrowFailure = GrowFailure.KEEP
    seen: Seen = field(default_factory=Seen)


def growing(
    disk: Manifest | None,
    partition_images: Mapping[PartitionNumber, Manifest],
    label: Label | None,
    grow: int | Last | None,
) -> tuple[Manifest, PartitionNumber] | None:
    """The image and the partition that are to grow; None if nothing that is written grows.

    ``label``: of the target, which counts without a disk image. Raises LayoutError: no such partition.
    """
    table = disk.header.label if disk is not None else label
    if grow is None:
        return None
    number: PartitionNumber = Bare.BARE if table is None else chosen(table, grow).number
    image = partition_images.get(number, disk)
    return (image, number) if image is not None else None


def why_kept(image: Manifest, number: PartitionNumber, size: int, wish: Growing) -> str:
    """Why a partition stays as it is instead of growing to ``size`` bytes, or an empty text.

    Raises LayoutError if it must not stay.
    """
    found = filesystem_of(image, number)
    if found is None:
        why = f"{which(number)} holds no file system that is known, so that nothing can grow in it"
    elif reason := why_not_grown(found.type, wish.seen.facts or found.facts, size):
        why = f"{which(number)} holds {found.type}, which cannot grow: {reason}"
    elif wish.seen.lacking:
        tools = ", ".join(wish.seen.lacking)
        why = f"{which(number)} holds {found.type}, which cannot grow here: {tools} is not installed"
    else:
        return ""
    if wish.failure is GrowFailure.FAIL:
        raise cannot_grow(why)
    return f"{why}; it stays as it is"


def cannot_grow(why: str) -> LayoutError:
    """The refusal, where it must not stay as it is."""
    return LayoutError(
        why, 'with grow_failure = "keep" (--grow-failure keep) it is written as it was captured'
    )


def notes_of(label: Label, free: Room) -> Iterator[str]:
    """What people should know of it."""
    if free.note:
        yield free.note
    for part in label.areas:
        if part.number in free.starts:
            yield f"partition {part.number} moves from byte {part.start} to byte {free.starts[part.number]}"


def kinds_of(disk: Manifest, partition_images: Mapping[PartitionNumber, Manifest]) -> dict[int, str]:
    """The file systems by partition, as they will be."""
    areas = disk.header.label.areas if disk.header.label else ()
    found = {
        area.number: filesystem_of(partition_images.get(area.number, disk), area.number) for area in areas
    }
    return {number: system.type for number, system in found.items() if system is not None}


def chosen(label: Label, grow: int | Last) -> Partition:
    """The partition with this number, or the last one. Raises LayoutError with those that there are."""
    own = [part for part in label.areas if not is_windows_extra(label, part)]  # these only wait behind C:
    last = own[-1:] or label.areas[-1:]
    part = last if grow is Last.LAST else [area for area in label.areas if area.number == grow]
    if not part:
        there = ", ".join(str(p.number) for p in label.areas) or "none"
        which = "last partition" if grow is Last.LAST else f"partition {grow}"
        raise LayoutError(f"there is no {which} to grow", f"partitions that could: {there}")
    return part[0]
