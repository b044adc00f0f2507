"""Waiting with a deadline and a condition; never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


class TooLateError(Exception):
    """What was waited for did not happen in time, or can not happen any more."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock, made with :meth:`within`."""

    at: float

    @classmethod
    def within(cls, seconds: float) -> Deadline:
        """So many seconds from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left, not below 0."""
        return max(0.0, self.at - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether the moment has passed."""
        return time.monotonic() >= self.at


def until(holds: Callable[[], bool], deadline: Deadline, what: str, every: float = 0.05) -> None:
    """Wait until ``holds()``, asking again and again because the thing cannot tell us by itself.

    Raises TooLateError with ``what``, which says what was waited for.
    """
    while not holds():
        if deadline.over:
            raise TooLateError(f"time is up; waited for {what}")
        time.sleep(every)
