"""Making a disk image's partitions fit the disk it goes to: the last one is cut, or one grows.

No I/O, before anything is written. Partitions never move, so only the last one can become smaller,
and only to what its file system needs as it is: chunks lie at fixed places. What is refused is
refused with the smallest size that would do.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from initramfs.imaging.errors import LayoutError
from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.format.header import Filesystem, Kind
from initramfs.imaging.format.index import Range, State
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.gpt import backup_size
from initramfs.imaging.label.model import (
    FIRST_LOGICAL,
    Bare,
    Edits,
    Label,
    LabelType,
    Partition,
    PartitionNumber,
    edited,
)
from initramfs.messages import Last

GROWABLE = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "ntfs"})
SHRINKABLE = frozenset({"ext2", "ext3", "ext4", "btrfs", "ntfs"})
MAX_MBR_SECTORS = 1 << 32
"""An MBR's entry has 32 bits for the start and 32 for the count."""


@dataclass(frozen=True, slots=True)
class FittedLabel:
    """The label as it will be, and how it differs from the image's.

    Attributes:
        label: with the new sizes; None for a bare partition.
        edits: sizes that differ.
        grow: the partition whose file system is grown into it after writing.
        notes: what people should know: why nothing grows although it was asked for.
    """

    label: Label | None
    edits: Edits = field(default_factory=Edits)
    grow: PartitionNumber | None = None
    notes: tuple[str, ...] = ()


def fit(
    disk: Manifest,
    partition_images: Mapping[PartitionNumber, Manifest],
    target_size: int,
    sector_size: int,
    grow: int | Last | None,
) -> FittedLabel:
    """Fit ``disk`` with ``partition_images`` over it to a target of ``target_size`` bytes.

    Raises LayoutError if that is not possible.
    """
    label = disk.header.label
    if label is None:
        raise AssertionError("a disk image has a label: the header was checked")
    room = _room(disk, label, target_size, sector_size)
    sizes = _cut(disk, partition_images, label, room, target_size)
    cut = edited(label, Edits(sizes))
    if grow is None:
        return FittedLabel(cut, Edits(sizes))
    part = _chosen(cut, grow)
    number, notes = _growable(part.number, partition_images.get(part.number, disk))
    if number is not None:
        sizes |= _grown(cut, part, room)
    return FittedLabel(edited(label, Edits(sizes)), Edits(sizes), number, notes)


def fit_in_place(
    partition_images: Mapping[PartitionNumber, Manifest], label: Label | None, grow: int | Last | None
) -> FittedLabel:
    """Partition images onto a disk whose label stays: a file system may still grow into its partition.

    Raises LayoutError: there is no such partition.
    """
    if grow is None:
        return FittedLabel(label)
    number: PartitionNumber = Bare.BARE if label is None else _chosen(label, grow).number
    if number not in partition_images:
        why = f"partition {number} is not among those that are written: it stays as it is"
        return FittedLabel(label, notes=(why,))
    found, notes = _growable(number, partition_images[number])
    return FittedLabel(label, grow=found, notes=notes)


def _growable(number: PartitionNumber, image: Manifest) -> tuple[PartitionNumber | None, tuple[str, ...]]:
    """The partition, or None and the reason why it stays as it is."""
    found = _filesystem(image, number)
    if found is not None and found.type in GROWABLE:
        return number, ()
    what = found.type if found is not None else "no file system that is known"
    return None, (f"partition {number} holds {what}, which cannot be grown: it stays as it is",)


def needed(image: Manifest, number: PartitionNumber, start: int = 0) -> int:
    """The smallest partition that takes the image's partition ``number``, which starts at ``start`` in it.

    The file system decides, and the chunk in which it ends: chunks are written whole.
    """
    found = _filesystem(image, number)
    size = _size(image, number)
    end = start + (found.minimal if found else size)
    at = bisect_left(image.index, end, key=_end)
    if at < len(image.index) and (last := image.index[at]).offset < end and last.state is State.DATA:
        end = last.end
    return min(end - start, size)


def end_of(disk: Manifest, layout_size: int, fitted: FittedLabel, table: int) -> int:
    """How far the disk image is written.

    Neither behind the target's end or a changed last partition, nor over a GPT's backup of ``table`` bytes.
    Raises LayoutError if the chunk that ends there holds an MBR or an empty container's record.
    """
    end = min(disk.header.size, layout_size) - table
    old = disk.header.label.areas[-1:] if disk.header.label else ()
    for part in old:
        if part.number in fitted.edits.sizes:
            end = min(end, part.end, part.start + fitted.edits.sizes[part.number])
    _check_tables(disk, end, layout_size)
    return end


def _check_tables(disk: Manifest, end: int, target_size: int) -> None:
    """Chunks are left out as a whole: none with an MBR or EBR. A GPT is looked for before it is moved."""
    label, at = disk.header.label, bisect_right(disk.index, end, key=_end)
    if label is None or label.type is LabelType.GPT or at == len(disk.index):
        return
    across = disk.index[at]
    tables = [0, *(part.start for part in label.partitions if label.is_container(part))]
    if across.state is State.DATA and any(across.offset <= table < min(end, across.end) for table in tables):
        raise _too_small(disk, None, across.end, target_size)


def backup_of(disk: Manifest) -> int:
    """Bytes for the backup of a GPT at the end of a disk.

    The usual one has 128 entries. A shorter one leaves room for partitions: the image's own disk then tells
    how much it takes at most, by what lies behind the last one.
    """
    header = disk.header
    areas = header.label.areas if header.label else ()
    return min(backup_size(header.sector_size), header.size - (areas[-1].end if areas else 0))


def left_out_of(disk: Manifest, end: int) -> tuple[str, ...]:
    """What lies outside of partitions at the image's end and is not written. Tables are made anew."""
    label, size = disk.header.label, disk.header.size
    if label is None or not label.areas:
        return ()
    if label.type is LabelType.GPT:
        size -= backup_of(disk)
    start = max(end, label.areas[-1].end)
    first = bisect_right(disk.index, start, key=lambda item: item.end)
    lost = sum(item.length for item in disk.index[first:] if item.state is State.DATA and item.end <= size)
    return (f"{lost} bytes outside of partitions, behind byte {start}, are left out",) if lost else ()


def _end(item: Range) -> int:
    return item.end


def _size(image: Manifest, number: PartitionNumber) -> int:
    label = image.header.label
    area = label.area(number) if label and not isinstance(number, Bare) else None
    return area.size if area else image.header.size


def _filesystem(image: Manifest, number: PartitionNumber) -> Filesystem | None:
    wanted = Bare.BARE if image.header.kind is Kind.PARTITION else number
    return next((found for found in image.header.filesystems if found.partition == wanted), None)


def _chosen(label: Label, grow: int | Last) -> Partition:
    part = label.areas[-1:] if grow is Last.LAST else tuple(p for p in label.areas if p.number == grow)
    if not part:
        there = ", ".join(str(p.number) for p in label.areas) or "none"
        which = "last partition" if grow is Last.LAST else f"partition {grow}"
        raise LayoutError(f"there is no {which} to grow", f"partitions that could: {there}")
    return part[0]


def _room(disk: Manifest, label: Label, target_size: int, sector_size: int) -> int:
    """Where the last partition must end at the latest."""
    if label.type is LabelType.GPT:
        return target_size - backup_of(disk)
    return min(target_size, MAX_MBR_SECTORS * sector_size)


def _cut(
    disk: Manifest,
    partition_images: Mapping[PartitionNumber, Manifest],
    label: Label,
    room: int,
    target_size: int,
) -> dict[int, int]:
    """New sizes of what reaches beyond ``room``: the last partition, and the container it lies in."""
    beyond = [part for part in label.partitions if part.end > room]
    if not beyond:
        return {}
    last = label.areas[-1] if label.areas else None
    least = _least(disk, partition_images, last)
    containers = [part for part in beyond if label.is_container(part)]
    if last is None or least > room or any(part.start >= room for part in containers):
        image = partition_images.get(last.number, disk) if last else disk
        raise _too_small(image, last, least + target_size - room, target_size)
    sizes = {last.number: _aligned(last.start, least, room) - last.start} if last.end > room else {}
    end = last.start + sizes.get(last.number, last.size)
    inside = label.container_of(last)
    for part in containers:
        sizes[part.number] = (end if part is inside else room) - part.start
    return sizes


def _least(
    disk: Manifest, partition_images: Mapping[PartitionNumber, Manifest], last: Partition | None
) -> int:
    """Where the last partition ends at the earliest."""
    if last is None:
        return 0
    if last.number in partition_images:
        return last.start + needed(partition_images[last.number], last.number)
    return last.start + needed(disk, last.number, last.start)


def _aligned(start: int, least: int, end: int) -> int:
    """``end`` on a whole MiB, if what begins at ``start`` and needs to reach ``least`` still fits then."""
    aligned = end - end % MIB
    return aligned if aligned >= least and aligned > start else end


def _too_small(image: Manifest, last: Partition | None, least: int, target_size: int) -> LayoutError:
    found = _filesystem(image, last.number) if last else None
    hint = "use a larger disk"
    if last is not None and found is not None and found.type in SHRINKABLE:
        hint += (
            f", or make a smaller image with 'clonesys image shrink' "
            f"(partition {last.number} is the last one, with about {found.used} bytes in use)"
        )
    return LayoutError(
        f"the disk is too small: {image.title} needs {least} bytes, the target has {target_size}", hint
    )


def _grown(label: Label, part: Partition, room: int) -> dict[int, int]:
    """New sizes when ``part`` takes all that is free behind it, and its container with it."""
    if part == label.areas[-1] and any(p.start >= part.end for p in label.partitions):
        return {}  # an empty container follows: what lies in that gap must stay
    inside = label.container_of(part)
    if inside is not None:
        if any(p.number >= FIRST_LOGICAL and p.start >= part.end for p in label.areas):
            return {}  # another logical partition follows, and its record before it
        end = _until(label, inside, room)
        return _if_larger(part, end) | _if_larger(inside, end)
    return _if_larger(part, _until(label, part, room))


def _until(label: Label, part: Partition, room: int) -> int:
    """Where what follows ``part`` begins, containers included, on a whole MiB."""
    starts = [other.start for other in label.partitions if other.start >= part.end]
    return _aligned(part.start, part.end, min([*starts, room]))


def _if_larger(part: Partition, end: int) -> dict[int, int]:
    return {part.number: end - part.start} if end > part.end else {}
