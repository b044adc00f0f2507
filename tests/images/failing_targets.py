"""Targets in memory that lose power or are pulled: what is flushed stays, of the rest some sectors do."""

from __future__ import annotations

import random
import threading
from pathlib import Path

from initramfs.imaging.errors import DeviceError


class PowerCutError(DeviceError):
    """The power is gone; everything fails from now on."""


class Volatile:
    """A disk with a cache. At operation ``cut`` the power fails: a write may then have been half done.

    Of what was written since the last flush, each unit of ``atom`` bytes is on the medium or not, whatever
    the order of the writes was: as real disks do it. ``medium`` is what is found afterwards.
    """

    def __init__(self, content: bytes, cut: int, seed: int, atom: int = 512) -> None:
        self.path, self.size, self.sector_size = Path("/dev/volatile"), len(content), 512
        self.medium, self._cached = bytearray(content), bytearray(content)
        self._pending: list[tuple[int, bytes]] = []
        self._cut, self._random, self._atom = cut, random.Random(seed), atom
        self._lock = threading.Lock()
        self.operations, self.changed, self.dark = 0, False, False

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """See Target."""
        with self._lock:
            self._count()
            buffer[:] = self._cached[offset : offset + len(buffer)]

    def write(self, data: memoryview, offset: int) -> None:
        """See Target."""
        with self._lock:
            self._count(offset, bytes(data))
            self._put(offset, bytes(data))

    def zero(self, offset: int, length: int) -> None:
        """See Target."""
        with self._lock:
            self._count(offset, bytes(length))
            self._put(offset, bytes(length))

    def discard(self, offset: int, length: int) -> bool:
        """See Target. What is read there afterwards is anything."""
        with self._lock:
            noise = self._random.randbytes(length)
            self._count(offset, noise)
            self._put(offset, noise)
        return True

    def flush(self) -> None:
        """See Target."""
        with self._lock:
            self._count()
            self.medium[:] = self._cached
            self._pending.clear()

    def _put(self, offset: int, data: bytes) -> None:
        self.changed = True
        self._cached[offset : offset + len(data)] = data
        self._pending.append((offset, data))

    def _count(self, offset: int = 0, data: bytes = b"") -> None:
        if not self.dark:
            self.operations += 1
            if self.operations != self._cut:
                return
            if data:
                self._pending.append((offset, data))
            self._lose()
        raise PowerCutError("cannot go on: the power is gone")

    def _lose(self) -> None:
        self.dark = True
        for offset, data in self._pending:
            for at in range(0, len(data), self._atom):
                if self._random.getrandbits(1):
                    end = min(at + self._atom, len(data))
                    self.medium[offset + at : offset + end] = data[at:end]
