"""Whether looking at what a disk holds is worth the time: where to probe it, and what the probes mean.

Pure: counts and measured rates in, decisions out. Data extents are numbered from 0
in the order of their offsets, which is the order in which they are written.
"""

from __future__ import annotations

from dataclasses import dataclass

SCOUTS = 16
"""Probes spread evenly over everything, besides those that double their distance from the start."""

STRETCH = 128
"""Data extents that are decided about together."""

PROBES = 4
"""In each stretch."""

FEW = 64
"""So few extents are looked at without probing: half of them would be probes."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Bytes of content a second. ``read``: read and hashed; ``fetch``: brought from the source and unpacked.

    ``fetch`` is None while nothing had to be fetched yet.
    """

    read: float
    fetch: float | None = None


def scouts(count: int) -> list[int]:
    """Which of ``count`` extents tell whether the disk holds anything of the image at all.

    The first ones and then ever fewer, because a restore that was cut has written from the start; and
    some everywhere, because an older generation may differ at the start.
    """
    first = {(1 << exponent) - 1 for exponent in range(count.bit_length())}
    return sorted({*first, *spread(0, count, SCOUTS)})


def spread(start: int, end: int, wanted: int) -> list[int]:
    """At most ``wanted`` numbers from ``start`` to before ``end``, evenly, the first among them."""
    count = min(wanted, end - start)
    return [start + (end - start) * number // count for number in range(count)]


def worth_looking(share: float, rates: Rates) -> bool:
    """Whether to read and hash extents of which ``share`` (0 to 1) seems to be right already.

    Without looking, each byte is fetched, written and read back. With looking, each is read, and what is
    wrong is fetched, written and read back as well: looking pays when ``share`` is larger than
    w / (w + r), r being the rate of reading and w that of fetching and writing. Disks write no faster
    than they read, so w is at most r and the bound at most one half. Without a measured network,
    any hit is reason enough: what is right should not travel.
    """
    if rates.fetch is None:
        return share > 0
    write = min(rates.fetch, rates.read)
    return share > write / (write + rates.read)
