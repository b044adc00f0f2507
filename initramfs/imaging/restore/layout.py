"""What goes where: images laid over a disk, as a list of extents in the target's own offsets.

No I/O. This is where an image and a target are found not to fit, before
anything is written. The layout also names the *guards*: the parts of the target
that are wiped first and written last, so that a half-written disk does not boot and a
half-written partition does not mount.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from initramfs.imaging.errors import LayoutError
from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.format.header import ANY, Kind
from initramfs.imaging.format.index import Index, Range, State
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.model import Edits, Label, LabelType, Partition
from initramfs.imaging.restore.fit import BARE, Fit, backup_of, end_of, fit, fit_in_place, left_out_of, needed
from initramfs.imaging.spans import subtract
from initramfs.messages import Firmware

GUARD = EDGE = MIB
ZEROS = 64 * MIB
"""Zeros are handled in steps of this."""

WHOLE = BARE
"""The partition number that means: the target itself is the partition."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A piece of the target, in bytes: a chunk, or zeros where ``digest`` is None."""

    offset: int
    length: int
    digest: bytes | None
    image: str

    @property
    def end(self) -> int:
        """The first byte behind."""
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of an image's ranges, moved by ``base`` bytes.

    ``limit`` is where it is cut, in the image's offsets. Only zeros lie across it: the last of them are left
    out. Nobody needs a chunk that lies across it, see :func:`~initramfs.imaging.restore.fit.needed`.
    """

    index: Index
    first: int
    last: int
    limit: int
    base: int
    image: str

    @classmethod
    def of(cls, image: Manifest, start: int, limit: int, base: int = 0) -> Piece:
        """What of an image lies from ``start`` to ``limit``. No range may lie across ``start``."""
        first = bisect_left(image.index, start, key=_offset)
        last = bisect_right(image.index, limit, first, key=_end)
        if last < len(image.index):
            across = image.index[last]
            last += across.state is State.ZERO and across.offset < limit
        return cls(image.index, first, last, limit, base, image.title)

    def before(self, offset: int) -> Piece:
        """What of it begins before ``offset`` on the target; may be empty."""
        return replace(
            self, last=bisect_left(self.index, offset - self.base, self.first, self.last, key=_offset)
        )

    def behind(self, offset: int) -> Piece:
        """The rest."""
        return replace(self, first=self.before(offset).last)

    @property
    def start(self) -> int:
        """The first byte on the target."""
        return self.base + self.index[self.first].offset

    @property
    def end(self) -> int:
        """The first byte behind it on the target."""
        return self.base + min(self.index[self.last - 1].end, self.limit)

    def extents(self, start: int, end: int) -> Iterator[Extent]:
        """In order, those that overlap ``start`` to ``end``."""
        low = bisect_right(self.index, start - self.base, self.first, self.last, key=lambda r: r.end)
        high = bisect_left(self.index, end - self.base, low, self.last, key=lambda r: r.offset)
        for item in self.index[low:high]:
            at = self.base + item.offset
            if item.state is State.DATA:
                yield Extent(at, item.length, item.digest, self.image)
            else:
                yield from self._zeros(at, self.base + min(item.end, self.limit))

    def _zeros(self, start: int, end: int) -> Iterator[Extent]:
        """In steps: a record may stand for a terabyte, and progress should be seen and shared."""
        for at in range(start, end, ZEROS):
            yield Extent(at, min(ZEROS, end - at), None, self.image)


@dataclass(frozen=True, slots=True)
class Blank:
    """A few zeros where the image says nothing, from ``start`` to ``end`` on the target."""

    start: int
    end: int
    image: str

    def extents(self, start: int, end: int) -> Iterator[Extent]:
        """Itself, if it overlaps ``start`` to ``end``."""
        if self.start < end and self.end > start:
            yield Extent(self.start, self.end - self.start, None, self.image)


@dataclass(frozen=True, slots=True)
class Guard:
    """A part of the target that is wiped first and written last."""

    start: int
    end: int

    def holds(self, extent: Extent) -> bool:
        """Whether the extent is withheld. Guards are cut so that chunks are in or out as a whole.

        Zeros are never withheld: they make nothing bootable.
        """
        return extent.digest is not None and self.start <= extent.offset < self.end


@dataclass(frozen=True, slots=True)
class Layout:
    """What a restore does.

    Attributes:
        target_size: bytes.
        sector_size: the target's and the images'.
        label: the partitions as they will be, None for a bare partition.
        pieces: of images and between them, in order, not overlapping.
        guards: in order; of the disk if ``whole``, else one for each partition.
        whole: whether the label is written too.
        relocate: whether a GPT must be moved to this disk's end.
        origin_size: bytes of the disk that the disk image was made of, 0 without one.
        edits: how ``label`` differs from the image's; made when the disk is sealed.
        grow: the partition whose file system is to be grown into it then.
        notes: what people should know: why nothing grows, what of the image is left out.
    """

    target_size: int
    sector_size: int
    label: Label | None
    pieces: tuple[Piece | Blank, ...]
    guards: tuple[Guard, ...]
    whole: bool
    relocate: bool
    origin_size: int = 0
    edits: Edits = field(default_factory=Edits)
    grow: int | None = None
    notes: tuple[str, ...] = ()

    def extents(self, start: int = 0, end: int | None = None) -> Iterator[Extent]:
        """What is to be written, in order: all, or what overlaps ``start`` to ``end``."""
        for piece in self.pieces:
            yield from piece.extents(start, self.target_size if end is None else end)

    def bulk(self) -> Iterator[Extent]:
        """What is to be written and belongs into no guard, in order."""
        return (extent for extent in self.extents() if self.guard_of(extent) is None)

    def withheld(self, guard: Guard) -> Iterator[Extent]:
        """The chunks that belong into a guard."""
        return filter(guard.holds, self.extents(guard.start, guard.end))

    def guard_of(self, extent: Extent) -> Guard | None:
        """The guard that withholds this extent."""
        return next((guard for guard in self.guards if guard.holds(extent)), None)


def compose(
    *,
    target_size: int,
    sector_size: int,
    disk: Manifest | None = None,
    partitions: Mapping[int, Manifest] | None = None,
    label: Label | None = None,
    firmware: Firmware | None = None,
    grow: int | None = None,
) -> Layout:
    """Lay partition images over a disk image, or onto the partitions of a disk that is already labelled.

    ``label`` is the target's own and counts only without ``disk``. With neither, the one partition image
    has number ``WHOLE``. ``firmware`` is how this machine starts, if that matters. ``grow`` is a partition's
    number or ``fit.LAST``: with ``disk`` it takes the room behind it, and its file system grows into it.

    Raises LayoutError.
    """
    laid = dict(partitions or {})
    target_size -= target_size % sector_size
    for image in (disk, *laid.values()):
        _check_sectors(image, sector_size)
    if disk is not None:
        _check_disk(disk, firmware)
        fitted = fit(disk, laid, target_size, sector_size, grow)
    else:
        fitted = fit_in_place(laid, label, grow)
    label = fitted.label
    places = {number: _place(number, laid[number], label, target_size) for number in laid}
    pieces: list[Piece | Blank] = [
        piece
        for number, image in laid.items()
        if (piece := Piece.of(image, 0, places[number].size, places[number].start)).first < piece.last
    ]
    left_out: tuple[str, ...] = ()
    relocate = disk is not None and _must_move(disk, target_size, fitted.edits)
    if disk is not None:
        end = end_of(disk, target_size, fitted, backup_of(disk) if relocate else 0)
        pieces += _around(disk, sorted(places.values(), key=lambda p: p.start), end)
        left_out = left_out_of(disk, end)
    pieces.sort(key=lambda piece: piece.start)
    for part, title in _moved_ends(disk, laid, places, fitted):
        pieces = _blanked(pieces, max(part.start, part.end - EDGE), part.end, title)
    bare = Layout(
        target_size=target_size,
        sector_size=sector_size,
        label=label,
        pieces=tuple(pieces),
        guards=(),
        whole=disk is not None,
        relocate=relocate,
        origin_size=disk.header.size if disk is not None else 0,
        edits=fitted.edits,
        grow=fitted.grow,
        notes=(*fitted.notes, *left_out),
    )
    guards = _disk_guards(bare) if disk is not None else _partition_guards(bare, places, laid)
    return replace(bare, guards=guards)


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


def _place(number: int, image: Manifest, label: Label | None, target_size: int) -> Partition:
    """The partition that an image goes to."""
    if image.header.kind is not Kind.PARTITION:
        raise LayoutError(f"{image.title} is the image of a disk, not of a partition")
    if label is None and number == WHOLE:
        place: Partition | None = Partition(WHOLE, 0, target_size, "")
    else:
        place = label.area(number) if label is not None else None
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


def _around(disk: Manifest, places: list[Partition], end: int) -> Iterator[Piece]:
    """The disk image without the partitions that others fill, up to ``end``.

    Ranges cross no border of a partition, so cutting between ranges is exact.
    """
    borders = [0, *(border for place in places for border in (place.start, place.end)), end]
    for after, before in list(pairwise(borders))[::2]:
        piece = Piece.of(disk, after, before)
        if piece.first < piece.last:
            yield piece


def _moved_ends(
    disk: Manifest | None, laid: Mapping[int, Manifest], places: Mapping[int, Partition], fitted: Fit
) -> Iterator[tuple[Partition, str]]:
    """Partitions that end elsewhere than in the image that fills them, and its title."""
    for number, place in places.items():
        if place.size != laid[number].header.size:
            yield place, laid[number].title
    for part in fitted.label.areas if disk is not None and fitted.label is not None else ():
        if disk is not None and part.number in fitted.edits.sizes.keys() - laid.keys():
            yield part, disk.title


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


def _offset(item: Range) -> int:
    return item.offset


def _end(item: Range) -> int:
    return item.end


def _disk_guards(layout: Layout) -> tuple[Guard, ...]:
    """The first MiB up to the first partition, and what follows the last one in the last MiB.

    Disks made of an ISO image have a partition that begins with sector 0: its first MiB is the head.
    """
    areas = layout.label.areas if layout.label is not None else ()
    size = layout.target_size
    head = _grown(layout, 0, min([GUARD, size, *(area.start for area in areas if area.start)]))
    behind = max([head.end, size - GUARD, *(area.end for area in areas)])
    tail = _grown(layout, behind, size)
    return (head, tail) if tail.start < tail.end else (head,)


def _partition_guards(
    layout: Layout, places: Mapping[int, Partition], images: Mapping[int, Manifest]
) -> tuple[Guard, ...]:
    guards = [
        _grown(layout, place.start, place.start + min(GUARD, images[number].header.size, place.size))
        for number, place in places.items()
    ]
    return tuple(sorted(guards, key=lambda guard: guard.start))


def _grown(layout: Layout, start: int, end: int) -> Guard:
    """A guard, grown until no chunk lies across its border."""
    across = [e for e in layout.extents(start, end) if e.digest is not None] if start < end else []
    return Guard(min([start, *(e.offset for e in across)]), max([end, *(e.end for e in across)]))
