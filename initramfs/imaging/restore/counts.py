"""What a restore did, counted. A leaf."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class RestoreCounts:
    """Bytes and chunks of one restore. Zero ranges are written and verified, but are no chunks.

    Attributes:
        chunks_total: data chunks in the layout.
        chunks_fetched: asked from the source.
        chunks_verified: read from the target and found right; the same as ``chunks_total`` at the end.
        bytes_fetched: of objects, as they were transferred.
        bytes_written: data.
        bytes_zeroed: ranges of zeros.
        bytes_read: read from the target, to compare and to prove.
        bytes_skipped: found right on the target and left alone.
        bytes_discarded: unused ranges that the target was told of.
    """

    chunks_total: int = 0
    chunks_fetched: int = 0
    chunks_verified: int = 0
    bytes_fetched: int = 0
    bytes_written: int = 0
    bytes_zeroed: int = 0
    bytes_read: int = 0
    bytes_skipped: int = 0
    bytes_discarded: int = 0

    def add(self, counts: dict[str, int]) -> None:
        """Add to the fields of these names."""
        for name, count in counts.items():
            setattr(self, name, getattr(self, name) + count)


class Tally:
    """Counts that several threads add to, in all and by image.

    Attributes:
        counts: of everything.
        images: by the title of the image that an extent is of; what belongs to none is only in ``counts``.
    """

    def __init__(self, titles: Iterable[str]) -> None:
        self.counts = RestoreCounts()
        self.images = {title: RestoreCounts() for title in titles}
        self._lock = threading.Lock()

    def add(self, image: str = "", **counts: int) -> None:
        """Add to the fields of these names, for an image of this title."""
        with self._lock:
            self.counts.add(counts)
            if image:
                self.images[image].add(counts)
