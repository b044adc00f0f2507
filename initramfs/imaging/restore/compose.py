"""Composing a layout: images laid over a disk, and the checks that they and the target go together.

No I/O. What does not fit is refused here, before anything is written.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

from initramfs.imaging.errors import LayoutError
from initramfs.imaging.filesystem.boot_sector import NAMED
from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.format.header import ANY, Kind
from initramfs.imaging.format.index import State
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.model import Bounds, Edits, Label, LabelType, PartitionNumber, bounds_of
from initramfs.imaging.restore.critical_regions import regions_of_disk, regions_of_partitions
from initramfs.imaging.restore.fit import (
    FittedLabel,
    backup_of,
    end_of,
    fit,
    fit_in_place,
    left_out_of,
    needed,
)
from initramfs.imaging.restore.growing import Growing
from initramfs.imaging.restore.layout import Blank, Layout, Piece
from initramfs.imaging.restore.look_ahead import Seen, filesystem_of
from initramfs.imaging.spans import subtract
from initramfs.messages import Firmware, GrowFailure, Last

NOTHING_SEEN = Seen()
EDGE = MIB
"""Bytes at the end of a partition in which foreign signatures are looked for."""


def compose(
    *,
    target_size: int,
    sector_size: int,
    disk: Manifest | None = None,
    partitions: Mapping[PartitionNumber, Manifest] | None = None,
    label: Label | None = None,
    firmware: Firmware | None = None,
    grow: int | Last | None = None,
    grow_failure: GrowFailure = GrowFailure.KEEP,
    seen: Seen = NOTHING_SEEN,
) -> Layout:
    """Lay partition images over a disk image, or onto the partitions of a disk that has a label.

    Sizes are bytes. ``label`` is the target's own and counts only without ``disk``. With neither, the one
    partition image has the number ``Bare.BARE``. ``firmware`` is how this machine starts, if that matters.
    ``grow`` is a partition's number or ``Last.LAST``: with ``disk`` it takes the room behind it, and its file
    system grows into it; ``grow_failure`` says what if it cannot. ``seen`` is what
    :mod:`~initramfs.imaging.restore.look_ahead` found in the images.

    Raises LayoutError.
    """
    partition_images = dict(partitions or {})
    target_size -= target_size % sector_size
    wish = Growing(grow, grow_failure, seen)
    for image in (disk, *partition_images.values()):
        _check_sectors(image, sector_size)
    if disk is not None:
        _check_disk(disk, firmware)
        fitted = fit(disk, partition_images, target_size, sector_size, wish)
    else:
        fitted = fit_in_place(partition_images, label, wish, target_size)
    places = {
        number: _place(number, image, fitted.label, target_size) for number, image in partition_images.items()
    }
    relocate = disk is not None and _must_move(disk, target_size, fitted.edits)
    pieces = list(_pieces_of(partition_images, places))
    notes = fitted.notes
    if disk is not None:
        end = end_of(disk, target_size, fitted, backup_of(disk, seen) if relocate else 0)
        moved = fitted.edits.starts
        stay = [place for number, place in places.items() if number not in moved]
        pieces += _around(disk, sorted(stay, key=lambda place: place.start), end)
        pieces += _moved(disk, {n: start for n, start in moved.items() if n not in partition_images})
        notes += left_out_of(disk, end, seen)
    layout = Layout(
        target_size=target_size,
        sector_size=sector_size,
        label=fitted.label,
        pieces=_with_blank_ends(pieces, _moved_ends(disk, partition_images, places, fitted)),
        boot_critical=(),
        whole=disk is not None,
        relocate=relocate,
        origin_size=disk.header.size if disk is not None else 0,
        edits=fitted.edits,
        grow=fitted.grow,
        notes=notes,
        relocated=tuple(_relocated(disk, partition_images, fitted)),
    )
    if disk is not None:
        return replace(layout, boot_critical=regions_of_disk(layout, seen.table))
    sizes = {number: image.header.size for number, image in partition_images.items()}
    return replace(layout, boot_critical=regions_of_partitions(layout, places, sizes))


def _check_disk(disk: Manifest, firmware: Firmware | None) -> None:
    header = disk.header
    if header.kind is not Kind.DISK:
        raise LayoutError(f"{disk.title} is the image of a partition, not of a disk", "say which partition")
    if firmware is not None and header.firmware not in (ANY, firmware):
        raise LayoutError(
            f"{disk.title} starts with {header.firmware} firmware, this machine with {firmware}",
            "choose another image, or switch the machine's firmware",
        )


def _check_sectors(image: Manifest | None, sector_size: int) -> None:
    if image is not None and image.header.sector_size != sector_size:
        raise LayoutError(
            f"{image.title} is for sectors of {image.header.sector_size} bytes, the target has {sector_size}",
            f"tables and file systems count in sectors: capture an image from a disk with sectors of "
            f"{sector_size} bytes, or switch this disk to {image.header.sector_size} if it can do both "
            f"('nvme format --lbaf', 'hdparm --set-sector-size'; it loses its content)",
        )


def _place(number: PartitionNumber, image: Manifest, label: Label | None, target_size: int) -> Bounds:
    """The partition that an image goes to. Raises LayoutError if it does not fit there."""
    if image.header.kind is not Kind.PARTITION:
        raise LayoutError(f"{image.title} is the image of a disk, not of a partition")
    place = bounds_of(number, label, target_size)
    if place is None:
        there = ", ".join(str(p.number) for p in label.areas) if label is not None else "none"
        raise LayoutError(
            f"there is no partition {number} for {image.title}", f"partitions that can be written: {there}"
        )
    if image.header.size > place.size and (least := needed(image, number)) > place.size:
        raise LayoutError(
            f"{image.title} has {image.header.size} bytes, partition {number} only {place.size}; "
            f"{least} would do",
            "make the partition larger, or make a smaller image with 'clonesys image shrink'",
        )
    if place.end > target_size:
        raise LayoutError(f"partition {number} ends behind the disk's {target_size} bytes")
    return place


def _must_move(disk: Manifest, target_size: int, edits: Edits) -> bool:
    label = disk.header.label
    moved = target_size != disk.header.size or bool(edits)
    return label is not None and label.type is LabelType.GPT and moved


def _pieces_of(
    images: Mapping[PartitionNumber, Manifest], places: Mapping[PartitionNumber, Bounds]
) -> Iterator[Piece | Blank]:
    for number, image in images.items():
        piece = _piece_of(image, 0, places[number].size, places[number].start)
        if piece.first < piece.last:
            yield piece


def _around(disk: Manifest, places: list[Bounds], end: int) -> Iterator[Piece]:
    """The disk image without the partitions that others fill, up to ``end``.

    Ranges cross no border of a partition, so cutting between ranges is exact.
    """
    borders = [0, *(border for place in places for border in (place.start, place.end)), end]
    for after, before in list(pairwise(borders))[::2]:
        piece = _piece_of(disk, after, before)
        if piece.first < piece.last:
            yield piece


def _moved(disk: Manifest, starts: Mapping[int, int]) -> Iterator[Piece]:
    """Partitions of the disk image that begin elsewhere than in it."""
    for part in disk.header.label.areas if disk.header.label is not None else ():
        if part.number in starts:
            piece = _piece_of(disk, part.start, part.end, starts[part.number] - part.start)
            if piece.first < piece.last:
                yield piece


def _relocated(
    disk: Manifest | None, partition_images: Mapping[PartitionNumber, Manifest], fitted: FittedLabel
) -> Iterator[int]:
    """Partitions that begin elsewhere than when they were captured, as far as that is known.

    Logical ones count from their record, and nothing starts from them.
    """
    label = fitted.label
    for part in label.areas if label is not None else ():
        image = partition_images.get(part.number, disk if part.number in fitted.edits.starts else None)
        found = filesystem_of(image, part.number) if image is not None else None
        if label is not None and found is not None and not label.is_logical(part) and found.type in NAMED:
            yield part.number


def _moved_ends(
    disk: Manifest | None,
    partition_images: Mapping[PartitionNumber, Manifest],
    places: Mapping[PartitionNumber, Bounds],
    fitted: FittedLabel,
) -> Iterator[tuple[Bounds, str]]:
    """Partitions that end elsewhere than in the image that fills them, and its title."""
    for number, place in places.items():
        if place.size != partition_images[number].header.size:
            yield place, partition_images[number].title
    for part in fitted.label.areas if disk is not None and fitted.label is not None else ():
        if disk is not None and part.number in fitted.edits.sizes.keys() - partition_images.keys():
            yield part.bounds, disk.title


def _with_blank_ends(
    pieces: list[Piece | Blank], ends: Iterable[tuple[Bounds, str]]
) -> tuple[Piece | Blank, ...]:
    """In order; with zeros at the ends that were moved."""
    pieces = sorted(pieces, key=lambda piece: piece.start)
    for place, title in ends:
        pieces = _blanked(pieces, max(place.start, place.end - EDGE), place.end, title)
    return tuple(pieces)


def _blanked(pieces: list[Piece | Blank], start: int, end: int, image: str) -> list[Piece | Blank]:
    """With zeros wherever they leave something free from ``start`` to ``end``.

    A captured partition has no free bytes at its end, because RAID and volume managers leave signatures
    there, and a GPT its backup, that would be found again. An end that was captured elsewhere may have some.
    """
    covered = [(extent.offset, extent.end) for piece in pieces for extent in piece.extents(start, end)]
    for first, last in subtract([(start, end)], covered):
        pieces = [part for piece in pieces for part in _parted(piece, first)] + [Blank(first, last, image)]
    return sorted(pieces, key=lambda piece: piece.start)


def _parted(piece: Piece | Blank, offset: int) -> list[Piece | Blank]:
    """What lies before and behind an offset that nothing of it lies across."""
    if isinstance(piece, Blank) or not piece.start < offset < piece.end:
        return [piece]
    return [piece.before(offset), piece.behind(offset)]


def _piece_of(image: Manifest, start: int, limit: int, base: int = 0) -> Piece:
    """What of an image lies from ``start``, which no range lies across, to ``limit``; moved by ``base``."""
    first = bisect_left(image.index, start, key=lambda item: item.offset)
    last = bisect_right(image.index, limit, first, key=lambda item: item.end)
    if last < len(image.index):
        across = image.index[last]
        last += across.state is State.ZERO and across.offset < limit
    return Piece(image.index, first, last, limit, base, image.title)
