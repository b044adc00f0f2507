"""What goes where: the extents of a target, in its own offsets.

Types, without I/O. :mod:`~initramfs.imaging.restore.compose` makes a layout of images, and
:mod:`~initramfs.imaging.restore.critical_regions` says which bytes of it are written last.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from heapq import merge

from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.format.index import Index, State
from initramfs.imaging.label.model import Bounds, Edits, Label, PartitionNumber, bounds_of
from initramfs.imaging.spans import Span, narrow, subtract

ZERO_STEP = 64 * MIB
"""Zeros are handled in steps of so many bytes: progress is seen, and threads share the work."""
DISCARD_GRAIN = MIB
"""Free spans are cut to this: devices discard in units of their own, and small ones gain nothing."""


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
    """A run of an image's ranges, ``index[first:last]``, moved by ``base`` bytes.

    ``limit`` is where it is cut, in the image's offsets. Only zeros lie across it: the last of them are left
    out. A chunk that lies across it is not needed, see :func:`~initramfs.imaging.restore.fit.needed`.
    """

    index: Index
    first: int
    last: int
    limit: int
    base: int
    image: str

    def before(self, offset: int) -> Piece:
        """What of it begins before ``offset`` on the target; may be empty."""
        at = bisect_left(self.index, offset - self.base, self.first, self.last, key=lambda item: item.offset)
        return replace(self, last=at)

    def behind(self, offset: int) -> Piece:
        """What of it begins at ``offset`` on the target, or behind it; may be empty."""
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
        """Those that overlap ``start`` to ``end`` on the target, in order."""
        low = bisect_right(self.index, start - self.base, self.first, self.last, key=lambda item: item.end)
        high = bisect_left(self.index, end - self.base, low, self.last, key=lambda item: item.offset)
        for item in self.index[low:high]:
            at = self.base + item.offset
            if item.state is State.DATA:
                yield Extent(at, item.length, item.digest, self.image)
            else:
                yield from self._zeros(at, self.base + min(item.end, self.limit))

    def _zeros(self, start: int, end: int) -> Iterator[Extent]:
        """In steps: a record may stand for a terabyte."""
        for at in range(start, end, ZERO_STEP):
            yield Extent(at, min(ZERO_STEP, end - at), None, self.image)


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
class BootCriticalRegion:
    """A part of the target, in bytes, that is wiped first and written last. No chunk crosses its border."""

    start: int
    end: int

    def withholds(self, extent: Extent) -> bool:
        """Whether the extent is written last. Zeros are not: they make nothing bootable."""
        return extent.digest is not None and self.start <= extent.offset < self.end


@dataclass(frozen=True, slots=True)
class Layout:
    """What a restore does.

    Attributes:
        target_size: bytes.
        sector_size: the target's and the images'.
        label: the partitions as they will be, None for a bare partition.
        pieces: of images and between them, in order, not overlapping.
        boot_critical: in order; of the disk if ``whole``, else one for each partition.
        whole: whether the label is written too.
        relocate: whether a GPT must be moved to this disk's end.
        origin_size: bytes of the disk that the disk image was made of, 0 without one.
        edits: how ``label`` differs from the image's; made when the restore is committed.
        grow: the partition whose file system is to be grown into it then.
        notes: what people should know: why nothing grows, what of the image is left out.
        relocated: partitions whose file system may have begun elsewhere, and says where it begins.
    """

    target_size: int
    sector_size: int
    label: Label | None
    pieces: tuple[Piece | Blank, ...]
    boot_critical: tuple[BootCriticalRegion, ...]
    whole: bool
    relocate: bool
    origin_size: int = 0
    edits: Edits = field(default_factory=Edits)
    grow: PartitionNumber | None = None
    notes: tuple[str, ...] = ()
    relocated: tuple[int, ...] = ()

    def extents(self, start: int = 0, end: int | None = None) -> Iterator[Extent]:
        """What is to be written, in order: all, or what overlaps ``start`` to ``end``."""
        for piece in self.pieces:
            yield from piece.extents(start, self.target_size if end is None else end)

    def bulk(self) -> Iterator[Extent]:
        """What is to be written outside of the boot-critical regions, in order."""
        return (extent for extent in self.extents() if not self._is_withheld(extent))

    def withheld(self, region: BootCriticalRegion) -> Iterator[Extent]:
        """The chunks that a region withholds."""
        return filter(region.withholds, self.extents(region.start, region.end))

    def place(self, number: PartitionNumber) -> Bounds | None:
        """Where the partition of that number lies, None if there is none."""
        return bounds_of(number, self.label, self.target_size)

    def _is_withheld(self, extent: Extent) -> bool:
        return any(region.withholds(extent) for region in self.boot_critical)


def free_spans(layout: Layout) -> Iterator[Span]:
    """What may be discarded: all that no image and no boot-critical region covers, in order, in whole grains.

    Of a disk that is written as a whole: everything else on it, also behind the image. Where only partitions
    are written: the gaps inside their images; what surrounds them belongs to others.
    """
    whole = [(0, layout.target_size)]
    for start, end in whole if layout.whole else [(piece.start, piece.end) for piece in layout.pieces]:
        yield from narrow(subtract([(start, end)], _covered(layout, start, end)), DISCARD_GRAIN)


def _covered(layout: Layout, start: int, end: int) -> Iterator[Span]:
    regions = ((region.start, region.end) for region in layout.boot_critical)
    return merge(regions, ((extent.offset, extent.end) for extent in layout.extents(start, end)))
