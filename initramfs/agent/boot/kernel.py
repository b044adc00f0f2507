"""The system calls that Python's library does not have: mount(2) and reboot(2).

By ctypes rather than by programs: these come first of all, when every process counts.
"""

from __future__ import annotations

import ctypes
import os
from enum import IntEnum


class Power(IntEnum):
    """Commands of reboot(2), from linux/reboot.h. They need no cooperation of any other process."""

    REBOOT = 0x01234567
    POWEROFF = 0x4321FEDC


def mount(source: str, target: str, kind: str, options: str = "") -> None:
    """Mount a file system. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(0), options.encode()):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)


def end(power: Power) -> None:
    """Write everything out, then restart or switch off. Returns only if the kernel refuses."""
    os.sync()
    ctypes.CDLL(None).reboot(ctypes.c_int(power))
