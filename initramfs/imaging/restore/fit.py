"""Making a disk image's partitions fit the disk it goes to: the last one is cut, or one grows.

No I/O, before anything is written. Only the last one can become smaller, and only to what its file system
needs as it is: chunks lie at fixed places. What is refused is refused with the smallest size that would do.
:mod:`~initramfs.imaging.restore.room` says how far one grows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from initramfs.imaging.errors import LayoutError
from initramfs.imaging.filesystem.limits import SHRINKABLE
from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.format.index import Range, State
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.gpt import backup_size
from initramfs.imaging.label.model import (
    Bare,
    Edits,
    Label,
    LabelType,
    Partition,
    PartitionNumber,
    edited,
    which,
)
from initramfs.imaging.restore.growing import (
    Growing,
    cannot_grow,
    chosen,
    kinds_of,
    notes_of,
    why_kept,
)
from initramfs.imaging.restore.look_ahead import Seen, filesystem_of
from initramfs.imaging.restore.room import movable, room_for
from initramfs.messages import GrowFailure

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
    wish: Growing,
) -> FittedLabel:
    """Fit ``disk`` with ``partition_images`` over it to a target of ``target_size`` bytes.

    Raises LayoutError if that is not possible.
    """
    label = disk.header.label
    if label is None:
        return _fit_piece(disk, partition_images, target_size, wish)
    room = _room(disk, label, target_size, sector_size, wish.seen)
    sizes = _cut(disk, partition_images, label, room, target_size)
    cut = edited(label, Edits(sizes))
    if wish.which is None:
        return FittedLabel(cut, Edits(sizes))
    part = chosen(cut, wish.which)
    image = partition_images.get(part.number, disk)
    fixed = bool(sizes) or (wish.seen.table is not None and wish.seen.table.hybrid)
    moving = movable(cut, kinds_of(disk, partition_images)) if not fixed else frozenset[int]()
    free = room_for(cut, part, room, moving)
    if why := why_kept(image, part.number, free.sizes.get(part.number, part.size), wish):
        return FittedLabel(cut, Edits(sizes), notes=(why,))
    if free.blocked and wish.failure is GrowFailure.FAIL:
        raise cannot_grow(free.note)
    edits = Edits(sizes | dict(free.sizes), starts=free.starts)
    return FittedLabel(edited(label, edits), edits, part.number, tuple(notes_of(label, free)))


def _fit_piece(
    disk: Manifest, partition_images: Mapping[PartitionNumber, Manifest], target_size: int, wish: Growing
) -> FittedLabel:
    """A device that was kept as one piece goes onto one that is large enough; nothing in it changes."""
    if partition_images:
        raise LayoutError(
            f"{disk.title} was kept as one piece: no image can be laid over a part of it",
            "restore it alone, or capture the disk without --raw",
        )
    if target_size < disk.header.size:
        raise _too_small(disk, None, disk.header.size, target_size)
    why = f"{disk.title} was kept as one piece: nothing in it can be grown"
    if wish.which is not None and wish.failure is GrowFailure.FAIL:
        raise cannot_grow(why)
    return FittedLabel(None, notes=(why,) if wish.which is not None else ())


def fit_in_place(
    partition_images: Mapping[PartitionNumber, Manifest], label: Label | None, wish: Growing, size: int
) -> FittedLabel:
    """Partition images onto a disk whose label stays: a file system may still grow into its partition.

    ``size``: bytes of a target without a label. Raises LayoutError: there is no such partition.
    """
    if wish.which is None:
        return FittedLabel(label)
    part = None if label is None else chosen(label, wish.which)
    number: PartitionNumber = Bare.BARE if part is None else part.number
    if number not in partition_images:
        why = f"{which(number)} is not among those that are written: it stays as it is"
        return FittedLabel(label, notes=(why,))
    if why := why_kept(partition_images[number], number, part.size if part else size, wish):
        return FittedLabel(label, notes=(why,))
    return FittedLabel(label, grow=number)


def needed(image: Manifest, number: PartitionNumber, start: int = 0) -> int:
    """The smallest partition that takes the image's partition ``number``, which starts at ``start`` in it.

    The file system decides, and the chunk in which it ends: chunks are written whole.
    """
    found = filesystem_of(image, number)
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
    areas = disk.header.label.areas if disk.header.label else ()
    end = min(disk.header.size, layout_size) - table
    if fitted.edits.starts:  # what lies behind the partition that grows is moved, or left out
        end = min(end, *(part.end for part in areas if part.number == fitted.grow))
    for part in areas[-1:]:
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


def backup_of(disk: Manifest, seen: Seen) -> int:
    """Bytes for the backup of a GPT at the end of a disk: as was ``seen``, else as it usually is.

    The usual one has 128 entries. A shorter one leaves room for partitions: the image's own disk then tells
    how much it takes at most, by what lies behind the last one.
    """
    if seen.table is not None:
        return seen.table.backup
    header = disk.header
    areas = header.label.areas if header.label else ()
    return min(backup_size(header.sector_size), header.size - (areas[-1].end if areas else 0))


def left_out_of(disk: Manifest, end: int, seen: Seen) -> tuple[str, ...]:
    """What lies outside of partitions at the image's end and is not written. Tables are made anew."""
    label, size = disk.header.label, disk.header.size
    if label is None or not label.areas:
        return ()
    if label.type is LabelType.GPT:
        size -= backup_of(disk, seen)
    first = bisect_right(disk.index, end, key=lambda item: item.end)
    lost = sum(
        item.length
        for item in disk.index[first:]
        if item.state is State.DATA and item.end <= size and not _lies_in(label.areas, item)
    )
    return (f"{lost} bytes outside of partitions, behind byte {end}, are left out",) if lost else ()


def _lies_in(areas: tuple[Partition, ...], item: Range) -> bool:
    at = bisect_right(areas, item.offset, key=lambda area: area.start) - 1
    return at >= 0 and item.offset < areas[at].end


def _end(item: Range) -> int:
    return item.end


def _size(image: Manifest, number: PartitionNumber) -> int:
    label = image.header.label
    area = label.area(number) if label and not isinstance(number, Bare) else None
    return area.size if area else image.header.size


def _room(disk: Manifest, label: Label, target_size: int, sector_size: int, seen: Seen) -> int:
    """Where the last partition must end at the latest."""
    if label.type is LabelType.GPT:
        return target_size - backup_of(disk, seen)
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
    found = filesystem_of(image, last.number) if last else None
    hint = "use a larger disk"
    if last is not None and found is not None and found.type in SHRINKABLE:
        hint += (
            f", or make a smaller image with 'clonesys image shrink' "
            f"(partition {last.number} is the last one, with about {found.used} bytes in use)"
        )
    return LayoutError(
        f"the disk is too small: {image.title} needs {least} bytes, the target has {target_size}", hint
    )
