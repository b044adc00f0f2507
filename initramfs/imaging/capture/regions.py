"""What of a source is captured: its partitions and the gaps between them, each with a grid of its own.

Looks at the source (label, file systems), reads no content.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from initramfs.imaging.device.device import Device
from initramfs.imaging.device.usage import is_partition, users
from initramfs.imaging.errors import CaptureError
from initramfs.imaging.filesystem.facts import facts_of
from initramfs.imaging.filesystem.size import fs_size
from initramfs.imaging.filesystem.used_blocks import Contents, examine
from initramfs.imaging.format.header import ANY, Filesystem, Kind, StartsWith
from initramfs.imaging.label import read_label
from initramfs.imaging.label.model import BIOS_BOOT, ESP, Bare, Bounds, Label, LabelType, PartitionNumber
from initramfs.imaging.spans import Span, total
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
    """What is captured: ``size`` bytes of the source from ``start``, as ``regions``."""

    kind: Kind
    start: int
    size: int
    label: Label | None
    regions: list[Region]
    filesystems: tuple[Filesystem, ...]
    warnings: tuple[str, ...]

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
) -> Scope:
    """The whole of a disk, one ``partition`` of it, or the bare file system that the source is.

    Partitions in ``empty`` become zeros, ``without_swap`` also what swap, page and hibernation files hold;
    but not on a source in use, where files may move. Raises CaptureError, LabelError, ToolError.
    """
    if without_swap and users(source.path):
        scope = scope_of(source, partition=partition, empty=empty, force=force)
        return replace(scope, warnings=(*scope.warnings, f"{source.path} was in use: swap files were kept"))
    if source.size % source.sector_size:
        raise CaptureError(
            f"{source.path} has {source.size} bytes: no whole number of sectors", "is it cut off?"
        )
    label = None if is_partition(source.path) else read_label(source.read, source.size, source.sector_size)
    if partition is None and label is not None:
        return _disk(source, label, frozenset(empty), force=force, without_swap=without_swap)
    if empty:
        raise CaptureError(
            "only partitions of a whole disk can be emptied", "capture the disk, not a partition"
        )
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
    )


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
    return Scope(Kind.DISK, 0, source.size, label, regions, tuple(filesystems), _warnings(contents))


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
