"""The delta scan: what the target already holds outside of the boot-critical regions, before the first write.

Only reads. What it finds right is proved as well as what is read back after writing:
it was read past the caches and has the hash that the signed manifest names.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from initramfs.imaging.device.parallel import Meter, ProgressCallback, Worker, run_parallel, silent
from initramfs.imaging.restore.extent_io import ReadBack

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Target
    from initramfs.imaging.restore.counts import Tally
    from initramfs.imaging.restore.layout import Extent, Layout
    from initramfs.imaging.restore.strategy import Strategy

Numbered = tuple[int, int, "Extent"]
"""An extent, its number among all outside of the boot-critical regions, and among those that are data."""


class Bitmap:
    """A set of numbers below ``size``, one bit each: a terabyte's chunks take 128 KiB.

    Adding is safe from several threads; ``len`` is how many are in it.
    """

    def __init__(self, size: int) -> None:
        self._bits = bytearray(-(-size // 8))
        self._count = 0
        self._lock = threading.Lock()

    def add(self, number: int) -> None:
        """Put a number in; once is enough."""
        with self._lock:
            if number not in self:
                self._bits[number >> 3] |= 1 << (number & 7)
                self._count += 1

    def __contains__(self, number: int) -> bool:
        return bool(self._bits[number >> 3] >> (number & 7) & 1)

    def __len__(self) -> int:
        return self._count


class DeltaScan:
    """Finds out what is right on one target.

    Attributes:
        present: numbers of the extents outside of the boot-critical regions that are right.
        count: data extents outside of the boot-critical regions.
    """

    def __init__(
        self,
        layout: Layout,
        target: Target,
        tally: Tally,
        *,
        workers: int,
        progress: ProgressCallback,
        clock: Callable[[], float],
    ) -> None:
        self._layout, self._target, self._tally = layout, target, tally
        self._workers, self._progress, self._clock = workers, progress, clock
        self._all, self.count = _count(layout)
        self.present, self._seen = Bitmap(self._all), Bitmap(self._all)
        self._bytes, self._seconds = 0, 0.0

    @property
    def complete(self) -> bool:
        """Whether everything outside of the boot-critical regions is right."""
        return len(self.present) == self._all

    @property
    def read_rate(self) -> float:
        return self._bytes / self._seconds if self._seconds > 0 else float("inf")

    def scan(self, strategy: Strategy, fetch_rate: float | None) -> None:
        """Read and hash what the strategy chooses, and all zeros. Raises DeviceError.

        Zeros are always worth a look: a wrong range shows in its first bytes, a right one need be neither
        written nor read back.
        """
        choice = strategy.choose(self, fetch_rate)

        def chosen() -> Iterator[Numbered]:
            for item in self._numbered():
                number, data, extent = item
                if number not in self._seen and (extent.digest is None or choice(data)):
                    yield item

        self._look(chosen, self._progress)

    def probe(self, numbers: Collection[int]) -> set[int]:
        wanted = set(numbers)
        items = [item for item in self._numbered() if item[1] in wanted and item[2].digest is not None]
        began = self._clock()
        self._look(lambda: (item for item in items if item[0] not in self._seen), silent)
        self._seconds += self._clock() - began
        self._bytes += sum(extent.length for _, _, extent in items)
        return {data for number, data, _ in items if number in self.present}

    def missing(self) -> Iterator[Extent]:
        """What lies outside of the boot-critical regions and was not found right, in order."""
        return (extent for number, _, extent in self._numbered() if number not in self.present)

    def _numbered(self) -> Iterator[Numbered]:
        data = 0
        for number, extent in enumerate(self._layout.bulk()):
            yield number, data, extent
            data += extent.digest is not None

    def _look(self, items: Callable[[], Iterable[Numbered]], progress: ProgressCallback) -> None:
        meter = Meter("scan", sum(extent.length for _, _, extent in items()), progress)

        def make_worker() -> Worker[Numbered]:
            readback = ReadBack(self._target)

            def look(item: Numbered) -> None:
                number, _, extent = item
                self._note(number, extent, matches=readback.matches(extent))
                meter.add(extent.length)

            return look

        run_parallel(items(), make_worker, self._workers)

    def _note(self, number: int, extent: Extent, *, matches: bool) -> None:
        self._seen.add(number)
        self._tally.add(extent.image, bytes_read=extent.length)
        if matches:
            self.present.add(number)
            verified = int(extent.digest is not None)
            self._tally.add(extent.image, bytes_skipped=extent.length, chunks_verified=verified)


def _count(layout: Layout) -> tuple[int, int]:
    everything = data = 0
    for extent in layout.bulk():
        everything += 1
        data += extent.digest is not None
    return everything, data
