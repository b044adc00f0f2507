"""What the agent's exit status asks PID 1 to do. A leaf.

The agent never reboots by itself: it can be run anywhere without touching the machine it runs on.
"""

from __future__ import annotations

from enum import IntEnum


class Outcome(IntEnum):
    """Exit statuses of the agent. Every other status means that it failed."""

    REBOOT = 0
    FAILED = 1
    POWEROFF = 10
    SHELL = 20
