"""A disk that another program keeps as a folder: its table, its boot code, and a file for each partition.

What Clonezilla's and FOG's folders have in common, rebuilt as a raw disk, or one partition of it. Every byte
of every partition is accounted for: by a file that holds all of it, by a swap area that is made anew, or by
the person who said that it may be empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from initramfs.imaging.device.device import Device
from initramfs.imaging.device.loop import loop_device
from initramfs.imaging.errors import ToolError
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.filesystem.resize import grow, tidy
from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.label import read_label
from initramfs.imaging.label.model import Label, LabelType, Partition
from initramfs.imaging.run import run
from provisioner.images.formats import partclone, streams
from provisioner.images.formats.raw import check_whole
from provisioner.images.formats.saved_table import SECTOR, WHOLE, SavedTable
from provisioner.stores.errors import StoreError
from provisioner.stores.files import failing

BOOT_CODE = 440
"""Bytes of an MBR before the disk's signature and the table (which sfdisk writes)."""
RECORD_CODE = 446
"""Bytes before the table itself: with the signature, or in an extended boot record, which has none."""
GROWING = ("ext2", "ext3", "ext4", "ntfs", "btrfs")
"""What FOG makes smaller."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What is kept of one partition: pieces of one file, in order. ``raw``: its name says that it is that."""

    pieces: tuple[Path, ...]
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Swap:
    """A swap area, of which only the names are kept."""

    uuid: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class SavedDisk:
    """One disk.

    Attributes:
        name: for messages, as the folder calls it.
        table: the partition table.
        size: bytes, None if the folder does not say.
        sector: the first one, with its boot code.
        gap: what follows it, up to the first partition.
        records: the first sectors of extended partitions, by number.
        parts: what is kept of each partition.
        swaps: the swap areas among them.
        shrunken: partitions whose file system was made smaller for the image.
        only: the partition that the image is of, if it is of no disk.
    """

    name: str
    table: SavedTable
    size: int | None = None
    sector: bytes = b""
    gap: bytes = b""
    records: Mapping[int, bytes] = field(default_factory=dict)
    parts: Mapping[int, Saved] = field(default_factory=dict)
    swaps: Mapping[int, Swap] = field(default_factory=dict)
    shrunken: frozenset[int] = frozenset()
    only: int | None = None


def rebuild_disk(disk: SavedDisk, target: Path, empty: frozenset[int]) -> tuple[str, ...]:
    """Make the whole disk, a sparse file; notes for people. Raises StoreError, DiskError."""
    with failing("unpack", target), target.open("xb") as file:
        file.truncate(disk.size or disk.table.disk_size())
    disk.table.write(target)
    label = _label_of(disk, target)
    _check_complete(disk, label, empty)
    _write_boot_code(disk, label, target)
    notes: list[str] = []
    for area in label.areas:
        if area.number in disk.parts and area.number not in empty:
            notes += _fill(disk, area, target)
        elif area.number in disk.swaps:
            with _part(disk, area, target) as loop:
                _make_swap(disk.swaps[area.number], loop)
    return tuple(notes)


def rebuild_partition(disk: SavedDisk, number: int, target: Path) -> tuple[str, ...]:
    """Make one partition, a sparse file as long as it is on the disk; notes for people.

    Raises StoreError, DiskError.
    """
    there = ", ".join(map(str, sorted({*disk.parts, *disk.swaps}))) or "none"
    if number not in disk.parts and number not in disk.swaps:
        raise StoreError(f"the image of {disk.name} holds nothing of partition {number}", f"it has: {there}")
    sizes = disk.table.sizes()
    if number not in sizes and number in disk.parts:
        return _bare(disk.parts[number], target)
    if number not in sizes:
        raise StoreError(f"no table says how large partition {number} of {disk.name} is", WHOLE)
    with failing("unpack", target), target.open("xb") as file:
        file.truncate(sizes[number])
    place = Partition(number, 0, sizes[number], "")
    if number in disk.parts:
        return tuple(_fill(disk, place, target))
    with _part(disk, place, target) as loop:
        _make_swap(disk.swaps[number], loop)
    return ()


def _bare(saved: Saved, target: Path) -> tuple[str, ...]:
    """A partition of which no table says how long it is."""
    with streams.unpacked(saved.pieces) as content:
        if content.head.startswith(partclone.MAGIC):
            return partclone.restore(content, target).notes
        if not saved.raw:
            _refuse(content)
        streams.write_sparse(content, target)
    with Device.open(target, shared=True) as device:
        check_whole(device, None)
    return ()


def _label_of(disk: SavedDisk, target: Path) -> Label:
    with Device.open(target, shared=True, sector_size=disk.table.sector_size) as device:
        label = read_label(device.read, device.size, disk.table.sector_size)
    if label is None or not label.areas:
        raise StoreError(f"the partition table of {disk.name} is empty", WHOLE)
    return label


def _check_complete(disk: SavedDisk, label: Label, empty: frozenset[int]) -> None:
    """Raises StoreError unless there is something for every partition, and a partition for everything."""
    numbers = {area.number for area in label.areas}
    missing = numbers - {*disk.parts, *disk.swaps, *empty}
    if missing:
        names = ", ".join(map(str, sorted(missing)))
        raise StoreError(
            f"the image of {disk.name} holds nothing of partition {names}",
            f"copy the folder again; or import the others one by one (--partition), or this one as zeros "
            f"(--empty {min(missing)})",
        )
    containers = {part.number for part in label.partitions} - numbers
    strangers = {*disk.parts, *disk.swaps} - numbers - containers
    if strangers or empty - numbers:
        number = min(strangers or empty - numbers)
        raise StoreError(f"{disk.name} has no partition {number}", "is the folder of one disk?")


def _write_boot_code(disk: SavedDisk, label: Label, target: Path) -> None:
    """What stands around the table, up to the first partition."""
    first = min(part.start for part in label.partitions)
    with failing("unpack", target), target.open("r+b") as file:
        # An old sfdisk did not dump the disk's signature, by which Windows finds its disks.
        signed = label.type is LabelType.GPT or "label-id:" in disk.table.dump
        file.write(disk.sector[: BOOT_CODE if signed else RECORD_CODE])
        if label.type is LabelType.MBR:
            file.seek(SECTOR)
            file.write(disk.gap[: first - SECTOR])
            for part in label.partitions:
                if label.is_container(part) and len(disk.records.get(part.number, b"")) == SECTOR:
                    file.seek(part.start)
                    file.write(disk.records[part.number][:RECORD_CODE])


def _fill(disk: SavedDisk, area: Partition, target: Path) -> Iterator[str]:
    """Unpack a partition's file into its place."""
    saved = disk.parts[area.number]
    with _part(disk, area, target) as loop:
        restored = _unpack(saved, loop, area.size)
        kind = probe(loop, 0, area.size).type
        yield from restored.notes
        room = area.size - restored.filesystem
        if not restored.filesystem or room < MIB:
            return
        if area.number not in disk.shrunken or kind not in GROWING:
            yield f"partition {area.number}: the {kind} takes {restored.filesystem} of its {area.size} bytes"
            return
        try:
            grow(kind, loop)
            tidy(kind, loop)
        except ToolError as error:
            reason = error.message
        else:
            yield f"partition {area.number}: the {kind}, smaller in the image, fills its partition again"
            return
    # Once more: what the tool has left is not to be trusted.
    run("fallocate", "--punch-hole", "--offset", str(area.start), "--length", str(area.size), str(target))
    with _part(disk, area, target) as loop:
        _unpack(saved, loop, area.size)
    yield f"partition {area.number}: the {kind} stays at {restored.filesystem} of {area.size} bytes: {reason}"


def _unpack(saved: Saved, target: Path, room: int) -> partclone.Restored:
    """What partclone made goes through partclone; raw is what is said to be. Raises StoreError."""
    with streams.unpacked(saved.pieces) as content:
        if content.head.startswith(partclone.MAGIC):
            return partclone.restore(content, target, room)
        if not saved.raw:
            _refuse(content)
        streams.write_sparse(content, target, room)
    return partclone.Restored(0)


def _refuse(content: streams.Content) -> None:
    content.refuse_foreign()
    raise StoreError(f"{content.name} is no image by partclone", "copy it again from where it came from")


def _make_swap(swap: Swap, target: Path) -> None:
    """An empty swap area with the old one's UUID and label."""
    options = ["--uuid", swap.uuid] if swap.uuid else []
    options += ["--label", swap.label] if swap.label else []
    run("mkswap", *options, str(target))


def _part(disk: SavedDisk, area: Partition, target: Path) -> AbstractContextManager[Path]:
    sectors = disk.table.sector_size
    return loop_device(target, area.start, area.size, writable=True, sector_size=sectors)
