"""When to read back what is written to a target: behind the writing, or only when all is written.

Asks sysfs and a clock. What the kernel calls rotational is not asked: virtual disks all claim it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from initramfs.imaging.device.device import PAGE, allocate
from initramfs.imaging.device.usage import SYS_BLOCK
from initramfs.imaging.restore.verify_behind import VerifyPolicy

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Target

PROBES = 9
QUICK = 0.002
"""Seconds for a page from anywhere. A disk that turns needs 4 to 15 ms, flash a tenth of one."""
CHEATS = ("usb", "mmc")
"""How buses' names begin whose media are sold with less memory than they claim: what is written beyond it
overwrites the beginning. Only reading back after the last write finds that."""


def policy_for(
    target: Target, clock: Callable[[], float], sys_block: Path = SYS_BLOCK
) -> VerifyPolicy | None:
    """How far behind the writing this target may be verified; None: only when all is written.

    ``clock`` gives seconds. Reads some pages. Raises DeviceError.
    """
    if may_cheat(target.path, sys_block) or seek_seconds(target, clock) > QUICK:
        return None
    return VerifyPolicy()


def may_cheat(path: Path, sys_block: Path = SYS_BLOCK) -> bool:
    """Whether it hangs on a bus of memory sticks and cards. Files do not."""
    place = (sys_block / path.resolve().name).resolve()
    return any(part.startswith(CHEATS) for part in place.parts)


def seek_seconds(target: Target, clock: Callable[[], float]) -> float:
    """The median time to read a page, all over the target. Raises DeviceError."""
    page, pages = allocate(min(PAGE, target.size)), max(1, target.size // PAGE)
    times = []
    for number in range(PROBES):
        began = clock()
        target.read_into(page, pages * number // PROBES * PAGE)
        times.append(clock() - began)
    return statistics.median(times)
