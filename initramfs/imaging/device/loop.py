"""A part of a disk or file as a block device of its own, which partclone and mount need."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from initramfs.imaging.device.usage import SYS_BLOCK
from initramfs.imaging.errors import ToolError
from initramfs.imaging.label.model import Reader
from initramfs.imaging.run import run

PATIENCE = 60.0
"""Seconds to wait until the last user of a loop device has let go of it."""
AGAIN = 0.02
"""Seconds between two looks."""


@contextmanager
def loop_device(
    path: Path, offset: int, size: int, *, writable: bool = False, sector_size: int = 0
) -> Iterator[Path]:
    """A loop device over ``size`` bytes of ``path`` from ``offset``, gone at the end. Raises ToolError.

    ``sector_size`` is that of its sectors; as what lies below has them, or 512, if it is not said.
    """
    mode = () if writable else ("--read-only",)
    sectors = ("--sector-size", str(sector_size)) if sector_size else ()
    place = ("--offset", str(offset), "--sizelimit", str(size))
    name = run("losetup", "--find", "--show", *mode, *sectors, *place, str(path)).stdout.strip()
    backing = SYS_BLOCK / Path(name).name / "loop/backing_file"
    behind = _read(backing)
    try:
        yield Path(name)
    finally:
        run("losetup", "--detach", name)
    if writable:  # after an error, which is the one to tell, there is nothing to wait for
        _wait(lambda: _read(backing) != behind, name)


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """Its bytes from any offset, as programs that have it open see them: through the page cache."""
    with path.open("rb", buffering=0) as device:
        yield lambda offset, length: os.pread(device.fileno(), length, offset)


def _wait(gone: Callable[[], bool], name: str) -> None:
    """The kernel detaches it when its last user closes it, and only then is everything written.

    umount does not say so: a mount namespace made meanwhile may still have the file system mounted.
    """
    end = time.monotonic() + PATIENCE
    while not gone():
        if time.monotonic() > end:
            raise ToolError(
                f"{name} is still in use after {PATIENCE:.0f} s", "see what holds it: fuser, lsof"
            )
        time.sleep(AGAIN)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
