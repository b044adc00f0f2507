"""How the machine ends: what the agent's exit status asks PID 1 to do, and reboot(2), which does it. A leaf.

The agent never reboots by itself: it can be run anywhere without touching the machine it runs on. reboot(2)
needs no other process; it is called by ctypes, because Python's library does not have it.
"""

from __future__ import annotations

import ctypes
import os
from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit statuses of the agent. Every other status means that it failed."""

    REBOOT = 0
    FAILED = 1
    POWEROFF = 10
    SHELL = 20


class Power(IntEnum):
    """Commands of reboot(2), from linux/reboot.h."""

    REBOOT = 0x01234567
    POWEROFF = 0x4321FEDC


def end(power: Power) -> None:
    """Write everything out, then restart or switch off. Returns only if the kernel refuses."""
    os.sync()
    ctypes.CDLL(None).reboot(ctypes.c_int(power))
