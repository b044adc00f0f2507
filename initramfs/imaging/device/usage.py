"""What uses a disk or file now: mount points, swap, device mapper, RAID, loop devices.

Reads sysfs and procfs only. The answer goes into an error message; what protects a
block device is the kernel's own refusal (O_EXCL).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

SYS_BLOCK = Path("/sys/class/block")
MOUNTS = Path("/proc/self/mountinfo")
SWAPS = Path("/proc/swaps")


def users(path: Path) -> list[str]:
    """What holds ``path``, one of its partitions, or a loop device over it, each in words."""
    names = list(_names(path))
    return [use for name in names for use in _uses(name)]


def _names(path: Path) -> Iterator[str]:
    """The kernel's names of the block devices that are, or show, this path."""
    status = path.stat()
    if stat.S_ISBLK(status.st_mode):
        device = Path(f"/sys/dev/block/{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}").resolve()
        yield device.name
        yield from (child.parent.name for child in device.glob("*/partition"))
        return
    for backing in SYS_BLOCK.glob("loop*/loop/backing_file"):
        if _is(backing, path):
            loop = backing.parent.parent
            yield loop.name
            yield from (child.parent.name for child in loop.glob("*/partition"))


def _is(backing: Path, path: Path) -> bool:
    try:
        return Path(backing.read_text().rstrip("\n")).samefile(path)
    except OSError:
        return False


def _uses(name: str) -> Iterator[str]:
    number = _read(SYS_BLOCK / name / "dev").strip()
    for line in _read(MOUNTS).splitlines():
        fields = line.split()
        source = fields[fields.index("-") + 2]
        if number and (fields[2] == number or source == f"/dev/{name}"):
            yield f"{name} is mounted on {fields[4]}"
    if any(line.split()[0] == f"/dev/{name}" for line in _read(SWAPS).splitlines()[1:]):
        yield f"{name} is used as swap"
    for holder in sorted((SYS_BLOCK / name / "holders").glob("*")):
        yield f"{name} is part of {holder.name}"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def is_partition(path: Path) -> bool:
    """Whether this is a partition's device node: what looks like a label on it is a boot sector."""
    status = path.stat()
    if not stat.S_ISBLK(status.st_mode):
        return False
    number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return Path(f"/sys/dev/block/{number}/partition").exists()
