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
from initramfs.imaging.label.model import Partition
from initramfs.imaging.restore.fit import BARE

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Target
    from initramfs.imaging.restore.layout import Layout


def fill(layout: Layout, target: Target) -> str:
    """Do what ``layout.grow`` asks, between ``verify`` and ``seal``; says what was done.

    Tools round: less than a page is no room, and resize2fs takes it for a wish to shrink.
    May be repeated. Raises ToolError: the file system is not in order, or the tool is missing.
    """
    part = place_of(layout, layout.grow)
    if part is None:
        return ""
    with loop_device(target.path, part.start, part.size, writable=True) as loop:
        found = probe(loop, 0, part.size)
        if found.type == "btrfs" and part.size < BTRFS_LEAST:
            return f"partition {part.number}: the btrfs stays as it is: nobody resizes one of so few bytes"
        if part.size - _size(found.type, loop, part.size) >= PAGE:
            grow(found.type, loop)
    return f"partition {part.number}: the {found.type} fills its {part.size} bytes"


def _size(kind: str, path: Path, size: int) -> int:
    """The file system's own size, on a device of ``size`` bytes."""
    with path.open("rb", buffering=0) as device:
        return fs_size(kind, lambda at, length: os.pread(device.fileno(), length, at), size)


def place_of(layout: Layout, number: int | None) -> Partition | None:
    """The partition of that number; the whole target where there is no label."""
    if number is None:
        return None
    if layout.label is None:
        return Partition(BARE, 0, layout.target_size, "")
    return layout.label.area(number)
