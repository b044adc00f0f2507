"""What a restore did, counted. A leaf."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(slots=True)
class Outcome:
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
    """

    chunks_total: int = 0
    chunks_fetched: int = 0
    chunks_verified: int = 0
    bytes_fetched: int = 0
    bytes_written: int = 0
    bytes_zeroed: int = 0
    bytes_read: int = 0
    bytes_skipped: int = 0


class Tally:
    """An outcome that several threads add to."""

    def __init__(self, chunks_total: int) -> None:
        self.outcome = Outcome(chunks_total)
        self._lock = threading.Lock()

    def add(self, **counts: int) -> None:
        """Add to the fields of these names."""
        with self._lock:
            for name, count in counts.items():
                setattr(self.outcome, name, getattr(self.outcome, name) + count)
