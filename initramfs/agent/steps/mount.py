"""A partition's file system, mounted while the disk has no partition table yet.

Through a loop device with an offset: the disk's label is written last, and the
engine holds the disk exclusively, so the kernel's own partition devices are
not to be had.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from initramfs.imaging.run import run


@contextmanager
def mounted(device: str, start: int, size: int, *, read_only: bool = False) -> Iterator[Path]:
    """Mount ``size`` bytes at byte ``start`` of ``device``; unmounted, and so written, at the end.

    Raises ToolError if it cannot be mounted.
    """
    access = "ro" if read_only else "rw"
    with tempfile.TemporaryDirectory(prefix="clonesys-") as place:
        run("mount", "-o", f"loop,{access},offset={start},sizelimit={size}", device, place)
        try:
            yield Path(place)
        finally:
            run("umount", place)
