"""A set of numbers from a known range, one bit each: a terabyte's chunks take 128 KiB. No I/O."""

from __future__ import annotations

import threading


class Bitmap:
    """Numbers below ``size``. Adding is safe from several threads; ``len`` is how many are in it."""

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
