"""Whose turn it is to write: one thread of a process at a time, what matters first. Knows no database.

SQLite has one writer, and those who wait for it there take turns by chance. So the threads of a process queue
here first: what people and agents wait for goes before what only adds to the history, and beyond a number of
waiting threads the next one is told at once that it is too much, instead of taking the process's last thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class Urgency(IntEnum):
    """What a change is made for."""

    LATER = 0
    """History: it may wait, and is made in small pieces."""
    NOW = 1
    """An agent or a person waits for it."""


class TooManyError(Exception):
    """As many threads as may wait do so already, or it took too long."""


class Turns:
    """Hands out one turn at a time. ``waiting`` is how many threads may wait for one with ``Urgency.NOW``."""

    def __init__(self, waiting: int, patience: float) -> None:
        self._most, self._patience = waiting, patience
        self._changed = threading.Condition()
        self._taken = False
        self._urgent = self._later = 0

    @property
    def waiting(self) -> tuple[int, int]:
        """How many wait for a turn: with ``NOW``, with ``LATER``."""
        return self._urgent, self._later

    @contextmanager
    def turn(self, urgency: Urgency) -> Iterator[None]:
        """Have the turn while the block runs. Raises TooManyError. Not to be nested."""
        self._take(urgency)
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()

    def _take(self, urgency: Urgency) -> None:
        deadline = time.monotonic() + self._patience
        with self._changed:
            if urgency is Urgency.NOW and self._taken and self._urgent >= self._most:
                raise TooManyError
            self._count(urgency, 1)
            try:
                if not self._changed.wait_for(lambda: self._may(urgency), deadline - time.monotonic()):
                    raise TooManyError
                self._taken = True
            finally:
                self._count(urgency, -1)

    def _may(self, urgency: Urgency) -> bool:
        return not self._taken and (urgency is Urgency.NOW or not self._urgent)

    def _count(self, urgency: Urgency, change: int) -> None:
        if urgency is Urgency.NOW:
            self._urgent += change
        else:
            self._later += change
