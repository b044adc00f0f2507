"""Verify-behind: while some threads of a restore write, others prove what was written a while ago.

Writing waits for network and processors, reading back for the disk: together they take
less time than one after the other. What is read back is durable by then, and so much was
written after it that the disk's own memory no longer holds it.

Knows numbers and lengths, no device. Called from several threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from initramfs.imaging.format.chunk import MIB

if TYPE_CHECKING:
    from initramfs.imaging.restore.layout import Extent

PROVERS = 4
"""One thread of so many proves, at most."""


@dataclass(frozen=True, slots=True)
class VerifyPolicy:
    """How far behind the writing the proof is, in bytes.

    Attributes:
        lag: written between an extent and its proof, at least.
        stretch: written between two flushes; each makes the disk wait a little.
    """

    lag: int = 128 * MIB
    stretch: int = 64 * MIB


@dataclass(frozen=True, slots=True)
class Task:
    """One extent to write, or to prove. ``number`` counts the extents from 0."""

    number: int
    extent: Extent
    proving: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """The first ``number`` extents are written; they have ``bytes`` bytes."""

    number: int
    bytes: int


class VerifyBehind:
    """Iterates over tasks: all extents to write, in order, and between them some to prove, in the same order.

    ``extents`` gives the extents anew each time it is called. At most ``workers`` threads take tasks. It
    ends with the last extent to write, and leaves to the caller what is not proved by then. Without a policy
    nothing is proved.

    Attributes:
        proved: so many extents, from the first, were handed out to be proved.
    """

    def __init__(
        self, extents: Callable[[], Iterator[Extent]], policy: VerifyPolicy | None, workers: int
    ) -> None:
        self._to_write, self._to_prove = enumerate(extents()), enumerate(extents())
        self._policy, self._provers = policy or VerifyPolicy(), max(1, workers // PROVERS) if policy else 0
        self._lock = threading.Lock()
        self._written: dict[int, int] = {}
        self._whole = Mark(0, 0)
        self._next_flush = self._policy.stretch
        self._durable: deque[Mark] = deque()
        self._provable = self._proving = self.proved = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Task:
        with self._lock:
            if self.proved < self._provable and self._proving < self._provers:
                self.proved += 1
                self._proving += 1
                return Task(*next(self._to_prove), proving=True)
            return Task(*next(self._to_write), proving=False)

    def done(self, task: Task) -> Mark | None:
        """Say that a task is done. If the answer is a mark: flush the disk, then say :meth:`flushed`."""
        with self._lock:
            if task.proving:
                self._proving -= 1
                return None
            self._written[task.number] = task.extent.length
            self._advance()
            if not self._provers or self._whole.bytes < self._next_flush:
                return None
            self._next_flush = self._whole.bytes + self._policy.stretch
            return self._whole

    def flushed(self, mark: Mark) -> None:
        """Say that the disk was flushed after ``mark`` was reached."""
        with self._lock:
            self._durable.append(mark)

    def _advance(self) -> None:
        """Threads finish out of order: what is whole ends before the first gap."""
        number, count = self._whole.number, self._whole.bytes
        while (length := self._written.pop(number, None)) is not None:
            number, count = number + 1, count + length
        self._whole = Mark(number, count)
        while self._durable and self._durable[0].bytes + self._policy.lag <= count:
            self._provable = max(self._provable, self._durable.popleft().number)
