"""Spans of bytes: which parts of something are meant, and what is left of them. No I/O, and a leaf."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Span = tuple[int, int]
"""First byte, and first byte behind."""


def merge(spans: Iterable[Span], size: int, *, grain: int = 1) -> list[Span]:
    """Sorted, joined where they touch, widened to multiples of ``grain``, cut at ``size``."""
    result: list[Span] = []
    for first, last in sorted(spans):
        start, end = first // grain * grain, min(-(-last // grain) * grain, size)
        if start >= end:
            continue
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def narrow(spans: Iterable[Span], grain: int) -> Iterator[Span]:
    """The spans, cut down to multiples of ``grain``; what is smaller is left out."""
    for first, last in spans:
        start, end = -(-first // grain) * grain, last // grain * grain
        if start < end:
            yield start, end


def subtract(spans: Iterable[Span], others: Iterable[Span]) -> Iterator[Span]:
    """What of ``spans`` lies in none of ``others``. Both sorted; only ``others`` may overlap each other."""
    rest = iter(others)
    other = next(rest, None)
    for first, end in spans:
        start = first
        while start < end:
            while other is not None and other[1] <= start:
                other = next(rest, None)
            if other is None or other[0] >= end:
                yield start, end
                break
            if start < other[0]:
                yield start, other[0]
            start = other[1]


def total(spans: Sequence[Span]) -> int:
    """Bytes in all spans."""
    return sum(end - start for start, end in spans)
