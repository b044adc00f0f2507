"""Mounting a file system for a moment: to change files in it, or because the kernel resizes it only then.

A partition of a disk that has no label yet is mounted through a loop device: the label is written last, and
the engine holds the disk exclusively, so the kernel's own partition devices are not to be had.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from initramfs.imaging.device.loop import loop_device
from initramfs.imaging.errors import ToolError
from initramfs.imaging.label.model import Bounds
from initramfs.imaging.run import run

FOREIGN = "nodev,nosuid,noexec"
"""What an image brings is data: no device node of it is one here, no program of it runs here."""
DRIVERS = {"ntfs": "ntfs-3g"}
"""Debian's kernel has no driver of its own for it."""
OPTIONS = {"xfs": "nouuid", "btrfs": "subvolid=5"}
"""XFS: another disk may carry the same UUID. Btrfs: all subvolumes, whichever is the default."""


@contextmanager
def mounted(path: Path, kind: str = "", *, read_only: bool = False) -> Iterator[Path]:
    """The file system on the block device ``path``; unmounted, and so written, at the end.

    ``kind`` is its name as blkid has it; without one, mount(8) finds it out. Raises ToolError.
    """
    access = "ro" if read_only else "rw"
    options = ",".join(filter(None, (access, FOREIGN, OPTIONS.get(kind, ""))))
    driver = ("-t", DRIVERS.get(kind, kind)) if kind else ()
    place = Path(tempfile.mkdtemp(prefix="clonesys-"))
    try:
        run("mount", *driver, "-o", options, str(path), str(place))
    except ToolError:
        place.rmdir()
        raise
    try:
        yield place
    finally:
        # If this fails, the folder stays: what is below it is the disk's, and not ours to remove.
        run("umount", str(place))
        place.rmdir()


@contextmanager
def mounted_part(disk: Path, place: Bounds, kind: str = "", *, read_only: bool = False) -> Iterator[Path]:
    """The file system at ``place`` on a disk, which need not have a label; as :func:`mounted`."""
    with (
        loop_device(disk, place.start, place.size, writable=not read_only) as loop,
        mounted(loop, kind, read_only=read_only) as root,
    ):
        yield root
