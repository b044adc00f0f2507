"""Mounting a file system for a moment: the kernel resizes some only while they are mounted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from initramfs.imaging.run import run

DRIVERS = {"ntfs": "ntfs-3g"}
"""Debian's kernel has no driver of its own for it."""
OPTIONS = {"xfs": "nouuid", "btrfs": "subvolid=5"}
"""XFS: another disk may carry the same UUID. Btrfs: all subvolumes, whichever is the default."""


@contextmanager
def mounted(path: Path, kind: str, *, read_only: bool = False) -> Iterator[Path]:
    """The file system of ``kind`` on a block device; unmounted, and so written, at the end.

    Raises ToolError.
    """
    access = "ro" if read_only else "rw"
    options = ",".join(filter(None, (access, OPTIONS.get(kind, ""))))
    with tempfile.TemporaryDirectory(prefix="clonesys-") as place:
        run("mount", "-t", DRIVERS.get(kind, kind), "-o", options, str(path), place)
        try:
            yield Path(place)
        finally:
            run("umount", place)
