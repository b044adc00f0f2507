"""Which parts of something are in use: spans of bytes, and partclone's way of writing them down.

No I/O. The map is GNU ddrescue's "domain" log, as ``partclone.<fs> -D`` makes it: a line
of position and size in hexadecimal, ``+`` for used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from initramfs.imaging.errors import CaptureError

ROW = re.compile(r"\s*(0x[0-9A-Fa-f]+)\s+(0x[0-9A-Fa-f]+)\s+([+?])\s*")

Span = tuple[int, int]
"""First byte, and first byte behind."""


def parse_domain(text: str, size: int) -> list[Span]:
    """The used spans of a partition of ``size`` bytes, sorted.

    What the map does not cover (the partition's end behind the file system: NTFS keeps the
    copy of its boot sector there) counts as used. Raises CaptureError.
    """
    used, end = [], 0
    for line in text.splitlines():
        row = ROW.fullmatch(line)
        if row is None:
            continue  # comments, and the line of the current position
        start, length = int(row[1], 16), int(row[2], 16)
        if start != end:
            raise CaptureError(f"partclone's map makes no sense: a gap at {end}, before {line!r}")
        end = start + length
        if row[3] == "+":
            used.append((start, end))
    if end < size:
        used.append((end, size))
    return merge(used, size)


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
    """The same, cut down to multiples of ``grain``."""
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
