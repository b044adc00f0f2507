"""What of a source is captured: its partitions and the gaps between them, each with a grid of its own.

Looks at the source (label, file systems), reads no content.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from initramfs.imaging.device.device import Device
from initramfs.imaging.device.usage import is_partition, users
from initramfs.imaging.errors import CaptureError, LabelError
from initramfs.imaging.filesystem.facts import facts_of
from initramfs.imaging.filesystem.size import fs_size
from initramfs.imaging.filesystem.used_blocks import Contents, examine
from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.format.header import ANY, Filesystem, Kind, StartsWith
from initramfs.imaging.label import read_label
from initramfs.imaging.label.model import BIOS_BOOT, ESP, Bare, Bounds, Label, LabelType, PartitionNumber
from initramfs.imaging.label.places import table_spans
from initramfs.imaging.spans import Span, subtract, total
from initramfs.messages import Firmware


@dataclass(frozen=True, slots=True)
class Region:
    """One grid. Spans are in bytes of the source: ``used`` is read, ``zeros`` is recorded without reading.

    Both are sorted, and lie apart from each other.
    """

    origin: int
    used: list[Span]
    zeros: list[Span] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is captured: ``size`` bytes of the source from ``start``, as ``regions``.

    Attributes:
        part: it is one partition of a disk.
        room: what is read and lies neither in a partition nor in a table or the boot code area.
    """

    kind: Kind
    start: int
    size: int
    label: Label | None
    regions: list[Region]
    filesystems: tuple[Filesystem, ...]
    warnings: tuple[str, ...]
    part: bool = False
    room: tuple[Span, ...] = ()

    @property
    def firmware(self) -> StartsWith:
        """Which firmware could start this."""
        return ANY if self.label is None else firmware_of(self.label)


def scope_of(
    source: Device,
    *,
    partition: int | None = None,
    empty: Collection[int] = (),
    force: bool = False,
    without_swap: bool = False,
    only_partitions: bool = False,
    raw: bool = False,
) -> Scope:
    """The whole of a disk, one ``partition`` of it, or the bare file system that the source is.

    Partitions in ``empty`` become zeros, ``without_swap`` also what swap, page and hibernation files hold;
    but not on a source in use, where files may move. ``only_partitions`` leaves out what lies in none, but
    tables and boot code. ``raw`` keeps the source as one piece, without looking into it.
    Raises CaptureError, LabelError, ToolError.
    """
    _check_size(source)
    if raw:
        if partition is not None or empty or without_swap or only_partitions:
            raise CaptureError("a device that is kept as one piece has no parts", "use 'raw' alone")
        return _raw(source, "kept as one piece, without looking into it")
    if without_swap and users(source.path):
        scope = scope_of(
            source, partition=partition, empty=empty, force=force, only_partitions=only_partitions
        )
        return replace(scope, warnings=(*scope.warnings, f"{source.path} was in use: swap files were kept"))
    try:
        label = _label(source)
    except LabelError as error:
        if force and partition is None and not empty:
            return _raw(source, f"kept as one piece: {error.message}")
        raise
    if partition is None and label is not None:
        scope = _disk(source, label, frozenset(empty), force=force, without_swap=without_swap)
        return _without_room(scope) if only_partitions else scope
    if empty or only_partitions:
        raise CaptureError(
            f"only partitions of a whole disk can be {'emptied' if empty else 'all that is kept'}",
            "capture the disk, not a partition",
        )
    return _part(source, label, partition, force=force, without_swap=without_swap)


def _part(
    source: Device, label: Label | None, partition: int | None, *, force: bool, without_swap: bool
) -> Scope:
    """One partition of a disk, or the bare file system that the source is."""
    if partition is None:
        place = Bounds(0, source.size)
    elif label is not None and (area := label.area(partition)) is not None:
        place = area.bounds
    else:
        raise CaptureError(f"{source.path} has no partition {partition}", _numbers(label))
    region, found = _partition(source, place, force=force, without_swap=without_swap)
    return Scope(
        Kind.PARTITION,
        place.start,
        place.size,
        None,
        [region],
        _filesystems(source, place, found, Bare.BARE),
        _warnings([found]),
        part=partition is not None or is_partition(source.path),
    )


def _check_size(source: Device) -> None:
    if not source.size:
        raise CaptureError(
            f"{source.path} is empty: it has 0 bytes",
            "name the device or file that is meant; a copy may have been cut off, a card reader be empty",
        )
    if source.size % source.sector_size:
        raise CaptureError(
            f"{source.path} has {source.size} bytes: no whole number of sectors", "is it cut off?"
        )


def _label(source: Device) -> Label | None:
    if is_partition(source.path):
        return None
    try:
        return read_label(source.read, source.size, source.sector_size)
    except LabelError as error:
        hint = f"{error.hint}; or keep the device as one piece: 'image capture --raw'"
        raise LabelError(error.message, hint) from error


def _raw(source: Device, note: str) -> Scope:
    """The device as one piece: a disk of which nothing is known."""
    if is_partition(source.path):
        raise CaptureError(f"{source.path} is a partition, no whole device", "leave out --raw")
    return Scope(Kind.DISK, 0, source.size, None, [Region(0, [(0, source.size)])], (), (note,))


def _without_room(scope: Scope) -> Scope:
    """The same disk, but nothing that lies in no partition, table or boot code area."""
    left = [replace(region, used=list(subtract(region.used, scope.room))) for region in scope.regions]
    note = f"{total(scope.room) / MIB:.0f} MiB that lie in no partition were left out"
    regions = [region for region in left if region.used or region.zeros]
    return replace(scope, regions=regions, room=(), warnings=(*scope.warnings, note))


def firmware_of(label: Label) -> StartsWith:
    """BIOS starts from an MBR or a BIOS boot partition, UEFI from an EFI system partition."""
    types = {partition.type for partition in label.partitions}
    uefi = bool(types & {ESP, "ef"})
    bios = label.type is LabelType.MBR or BIOS_BOOT in types
    if uefi == bios:
        return ANY
    return Firmware.UEFI if uefi else Firmware.BIOS


def _disk(source: Device, label: Label, empty: frozenset[int], *, force: bool, without_swap: bool) -> Scope:
    unknown = empty - {area.number for area in label.areas}
    if unknown:
        raise CaptureError(f"{source.path} has no partition {min(unknown)} to empty", _numbers(label))
    regions = [Region(0, [gap]) for gap in _gaps(label, source.size)]
    filesystems: list[Filesystem] = []
    contents: list[Contents] = []
    for area in label.areas:
        if area.number in empty:
            regions.append(Region(area.start, [], [(area.start, area.end)]))
            continue
        region, found = _partition(source, area.bounds, force=force, without_swap=without_swap)
        regions.append(region)
        contents.append(found)
        filesystems += _filesystems(source, area.bounds, found, area.number)
    regions.sort(key=lambda region: (region.used or region.zeros)[0])
    tables = table_spans(source.read, label, source.size, source.sector_size)
    room = tuple(subtract(_gaps(label, source.size), tables))
    return Scope(
        Kind.DISK, 0, source.size, label, regions, tuple(filesystems), _warnings(contents), room=room
    )


def _partition(source: Device, place: Bounds, *, force: bool, without_swap: bool) -> tuple[Region, Contents]:
    found = examine(source, place.start, place.size, force=force, without_swap=without_swap)

    def moved(spans: list[Span]) -> list[Span]:
        return [(place.start + start, place.start + end) for start, end in spans]

    return Region(place.start, moved(found.used), moved(found.zeros)), found


def _gaps(label: Label, size: int) -> Iterator[Span]:
    """What belongs to no partition: tables, boot code, extended boot records."""
    end = 0
    for area in label.areas:
        if area.start > end:
            yield end, area.start
        end = area.end
    if end < size:
        yield end, size


def _filesystems(
    source: Device, place: Bounds, contents: Contents, number: PartitionNumber
) -> tuple[Filesystem, ...]:
    found = contents.found
    if not found.type:
        return ()

    def read(at: int, length: int) -> bytes:
        return source.read(place.start + at, length)

    minimal = fs_size(found.type, read, place.size)
    used, facts = total(contents.used), facts_of(found.type, read)
    return (Filesystem(number, found.type, found.uuid, found.label, place.size, used, minimal, facts),)


def _warnings(contents: list[Contents]) -> tuple[str, ...]:
    return tuple(note for found in contents for note in found.notes)


def _numbers(label: Label | None) -> str:
    there = ", ".join(str(area.number) for area in label.areas) if label is not None else "no label was found"
    return f"its partitions: {there}"
