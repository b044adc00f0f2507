"""Which parts of a target a layout leaves alone: what may be discarded. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge

from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.spans import Span, narrow, subtract

GRAIN = MIB
"""Spans are cut to this: devices discard in units of their own, and small ones gain nothing."""


def free_spans(layout: Layout) -> Iterator[Span]:
    """What no image and no guard covers, in order, in whole GRAINs.

    Of a disk that is written as a whole: everything else on it, also behind the image. Where only partitions
    are written: the gaps inside their images; what surrounds them belongs to others.
    """
    whole = [(0, layout.target_size)]
    for start, end in whole if layout.whole else [(piece.start, piece.end) for piece in layout.pieces]:
        yield from narrow(subtract([(start, end)], _covered(layout, start, end)), GRAIN)


def _covered(layout: Layout, start: int, end: int) -> Iterator[Span]:
    guards = ((guard.start, guard.end) for guard in layout.guards)
    return merge(guards, ((extent.offset, extent.end) for extent in layout.extents(start, end)))
