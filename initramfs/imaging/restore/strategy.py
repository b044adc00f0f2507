"""Which extents a restore looks at before it fetches and writes.

:class:`Everything` believes nothing and writes all of it. :class:`Different` reads
and hashes the whole target first and leaves alone what is right: a delta, and also
how an interrupted restore is continued from what is provably there. :class:`Adaptive` does so
where it pays, and is what the agent and the command line use.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from initramfs.imaging.restore.delta import FEW, PROBES, STRETCH, Rates, scouts, spread, worth_looking

Choice = Callable[[int], bool]
"""Whether to look at the data extent with this number; see :mod:`initramfs.imaging.restore.delta`."""


class Prober(Protocol):
    """Looks at single extents of the target."""

    count: int
    """Data extents outside of the guards."""

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
        """Which data extents to look at. ``fetch_rate`` as in :class:`.delta.Rates`."""
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
