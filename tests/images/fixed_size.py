"""File systems that their tools do not resize, nor all of them rename; made with loop devices (root)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.images import content
from tests.images.filesystems import MIB, blank
from tests.lab.command import run


def make(folder: Path, what: str) -> Path:
    """A file system that its tools do not resize."""
    part, other = folder / "part", folder / "other"
    blank(part, 320 if what == "log" else 64)
    blank(other, 80)
    match what:
        case "bigalloc":
            run("mkfs.ext4", "-q", "-F", "-O", "bigalloc", part)
        case "stable_inodes":
            run("mkfs.ext4", "-q", "-F", "-O", "encrypt,stable_inodes", part)
        case "journal":
            run("mke2fs", "-q", "-F", "-O", "journal_dev", "-b", "4096", other)
            with content.loop(part) as one, content.loop(other) as two:
                run("mkfs.ext4", "-q", "-F", "-b", "4096", "-J", f"device={two}", one)
        case "log":
            with content.loop(part) as one, content.loop(other) as two:
                run("mkfs.xfs", "-q", "-f", "-l", f"logdev={two}", one)
        case _:
            with btrfs_of_two(folder, only=False) as second:
                second.replace(part)
    return part


@contextmanager
def btrfs_of_two(folder: Path, *, only: bool) -> Iterator[Path]:
    """A Btrfs to which a device was added, and from which with ``only`` the first was taken."""
    first, second = folder / "first", folder / "second"
    for path in (first, second):
        blank(path, 300)
    with content.loop(first) as one, content.loop(second) as two:
        run("mkfs.btrfs", "-q", one)
        with content.mounted(one, "btrfs") as place:
            (place / "file").write_bytes(os.urandom(4 * MIB))
            run("btrfs", "device", "add", "-f", two, place)
            if only:
                run("btrfs", "device", "remove", one, place)
    yield second
