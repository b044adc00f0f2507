"""Which extents a restore looks at before it fetches and writes: a look must be worth its time.

Pure: counts and measured rates in, decisions out. Data extents are numbered from 0 in the order of their
offsets, which is the order in which they are written. :class:`Everything` looks at nothing and writes all of
it. :class:`Different` reads and hashes the whole target first and leaves alone what is right: a delta, and
also how an interrupted restore is continued from what is provably there. :class:`Adaptive` does so where
it pays, and is what the agent and the command line use; with ``--no-delta`` it is :class:`Everything`. The
tests hold :class:`Different` against both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

SCOUTS = 16
"""Probes spread evenly over everything, besides those that double their distance from the start."""

STRETCH = 128
"""Data extents that are decided about together."""

PROBES = 4
"""In each stretch."""

FEW = 64
"""So few extents are looked at without probing: half of them would be probes."""

Choice = Callable[[int], bool]
"""Whether to look at the data extent with this number."""


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


class Prober(Protocol):
    """Looks at single extents of the target."""

    count: int
    """Data extents outside of the boot-critical regions."""

    @property
    def read_rate(self) -> float:
        """Bytes read and hashed a second, as measured by the probes so far."""
        ...

    def probe(self, numbers: Collection[int]) -> set[int]:
        """Those of these data extents that the target holds. Raises DeviceError."""
        ...


class Strategy(Protocol):
    """Decides how the target is looked at before anything is written."""

    looks: bool
    """False: nothing is looked at, everything is needed."""

    def choose(self, prober: Prober, fetch_rate: float | None) -> Choice:
        """Which data extents to look at. ``fetch_rate``: as in :class:`Rates`."""
        ...


class Everything:
    """Write all of it."""

    looks = False

    def choose(self, _prober: Prober, _fetch_rate: float | None) -> Choice:
        """Nothing to look at."""
        return lambda _number: False


class Different:
    """Look at all of it, write what is not there yet."""

    looks = True

    def choose(self, _prober: Prober, _fetch_rate: float | None) -> Choice:
        """Everything."""
        return lambda _number: True


class Adaptive:
    """Look where probes say that it pays: not at a blank disk, nor at a part that holds something else."""

    looks = True

    def choose(self, prober: Prober, fetch_rate: float | None) -> Choice:
        """Some probes everywhere; if any hits, some in every stretch, and a decision for each."""
        if prober.count <= FEW:
            return lambda _number: True
        if not prober.probe(scouts(prober.count)):
            return lambda _number: False
        starts = range(0, prober.count, STRETCH)
        probes = [spread(start, min(start + STRETCH, prober.count), PROBES) for start in starts]
        hits = prober.probe([number for some in probes for number in some])
        rates = Rates(prober.read_rate, fetch_rate)
        chosen = [worth_looking(len(hits.intersection(some)) / len(some), rates) for some in probes]
        return lambda number: chosen[number // STRETCH]
