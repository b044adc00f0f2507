"""After writing: a file system grows into its partition. The part of fitting that touches the target."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from initramfs.imaging.device.device import PAGE
from initramfs.imaging.device.loop import loop_device
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.filesystem.resize import BTRFS_LEAST, grow
from initramfs.imaging.filesystem.size import fs_size

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Target
    from initramfs.imaging.restore.layout import Layout


def grow_filesystem(layout: Layout, target: Target) -> str:
    """Do what ``layout.grow`` asks, between ``verify`` and ``commit``; what was done, in words.

    Tools round: less than a page is no room, and resize2fs takes it for a wish to shrink.
    May be repeated. Raises ToolError: the file system is not in order, or the tool is missing.
    """
    number = layout.grow
    place = layout.place(number) if number is not None else None
    if place is None:
        return ""
    with loop_device(target.path, place.start, place.size, writable=True) as loop:
        found = probe(loop, 0, place.size)
        if found.type == "btrfs" and place.size < BTRFS_LEAST:
            return f"partition {number}: the btrfs stays as it is: so small a one cannot be resized"
        if place.size - _size(found.type, loop, place.size) >= PAGE:
            grow(found.type, loop)
    return f"partition {number}: the {found.type} fills its {place.size} bytes"


def _size(kind: str, path: Path, size: int) -> int:
    """The file system's own size, on a device of ``size`` bytes."""
    with path.open("rb", buffering=0) as device:
        return fs_size(kind, lambda at, length: os.pread(device.fileno(), length, at), size)
