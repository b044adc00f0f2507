"""What time it is, by two clocks: the time of day, which may be set at any moment, and one that only goes on.

What people read is dated by the time of day. How long ago something was, is counted by the other clock where
both ends are known to it: an appliance whose clock is put right (a flat battery, the first answer of an NTP
server) must not take what happened a minute ago for years old.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import UUID

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""random(4): differs at every start of the kernel."""

STEP = 2.0
"""Seconds by which a clock is set, not slewed: ntpd and chronyd slew less than 1 ms in a second."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant.

    Attributes:
        wall: seconds since the epoch, as far as this machine knows.
        steady: seconds since this machine was started, sleep included (CLOCK_BOOTTIME): the same for all
            its processes, and never set.
        boot: which start that was, 16 bytes; empty where only ``wall`` is known.
    """

    wall: float
    steady: float = 0.0
    boot: bytes = b""

    def since(self, earlier: Moment) -> float:
        """Seconds from ``earlier`` to now; by the time of day if the machine was started in between."""
        if self.boot and self.boot == earlier.boot:
            return self.steady - earlier.steady
        return self.wall - earlier.wall


class Calm:
    """For how long the time of day has gone on evenly, as far as its watcher knows."""

    def __init__(self, began: Moment) -> None:
        self._offset, self._since = began.wall - began.steady, began.steady

    def seconds(self, now: Moment) -> float:
        """Since the clock was last set by more than STEP, or the watch began."""
        offset = now.wall - now.steady
        if abs(offset - self._offset) > STEP:
            self._since = now.steady
        self._offset = offset
        return now.steady - self._since


def now() -> Moment:
    """This instant."""
    return Moment(time.time(), steady(), _boot())


def steady() -> float:
    """Seconds since this machine was started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@cache
def _boot() -> bytes:
    try:
        return UUID(BOOT_ID.read_text().strip()).bytes
    except (OSError, ValueError):  # a container may hide it
        return b""
