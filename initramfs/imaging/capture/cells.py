"""From used spans to chunks: cutting along the grid, and deciding what to read. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from initramfs.imaging.format.chunk import KIB, PAGE
from initramfs.imaging.spans import Span

NEAR = 64 * KIB
"""Reading so much for nothing costs less than asking the disk once more."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The used part of one cell of the grid: a chunk in the making. ``runs`` are what is in use of it."""

    start: int
    end: int
    runs: tuple[Span, ...]

    @property
    def length(self) -> int:
        """Bytes of the chunk."""
        return self.end - self.start

    @property
    def room(self) -> int:
        """Bytes of memory for it, so that the next one begins on a page."""
        return -(-self.length // PAGE) * PAGE


def cells(runs: Iterable[Span], origin: int, chunk_size: int) -> Iterator[Cell]:
    """Cut sorted runs along the grid that starts at ``origin``.

    A cell reaches from its first used byte to its last.
    """
    for _, group in groupby(_cut(runs, origin, chunk_size), key=lambda run: (run[0] - origin) // chunk_size):
        inside = tuple(group)
        yield Cell(inside[0][0], inside[-1][1], inside)


def _cut(runs: Iterable[Span], origin: int, chunk_size: int) -> Iterator[Span]:
    for first, end in runs:
        start = first
        while start < end:
            border = origin + ((start - origin) // chunk_size + 1) * chunk_size
            yield start, min(border, end)
            start = border


def reads(cell: Cell) -> list[Span]:
    """What to read for a cell: its runs, joined where little lies between."""
    result: list[Span] = []
    for start, end in cell.runs:
        if result and start - result[-1][1] <= NEAR:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


def holes(cell: Cell) -> list[Span]:
    """What is not in use inside a cell and becomes zeros."""
    return [(before[1], after[0]) for before, after in pairwise(cell.runs) if before[1] < after[0]]


def batches(items: Iterable[tuple[int, Cell]], room: int) -> Iterator[Sequence[tuple[int, Cell]]]:
    """Groups of cells of at most ``room`` bytes (or one cell), each with the number of its region."""
    batch: list[tuple[int, Cell]] = []
    size = 0
    for number, cell in items:
        if batch and size + cell.room > room:
            yield batch
            batch, size = [], 0
        batch.append((number, cell))
        size += cell.room
    if batch:
        yield batch
