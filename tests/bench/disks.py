"""Partitions in files, and loop devices on them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.images.filesystems import EPOCH, blank
from tests.lab.command import run

MIB = 1 << 20
GIB_IN_MIB = 1 << 10
UUID = "c10e5500-0000-4000-8000-0000000000be"
INODES = 262144
"""What mke2fs gives 4 GiB by itself. The large partition gets as many: 64 GiB would have a GiB of tables."""
JOURNAL = 64
"""MiB; likewise: 64 GiB would have a journal of half a GiB, and all of it is in use."""


@contextmanager
def loop(file: Path, *, read_only: bool = False) -> Iterator[Path]:
    """A loop device on a file, around the page cache of the file's own disk: what is read was on a disk."""
    mode = ("--read-only",) if read_only else ()
    name = Path(run("losetup", "--find", "--show", "--direct-io=on", *mode, file).strip())
    try:
        yield name
    finally:
        run("losetup", "--detach", name)


def partition(target: Path, size: int, tree: Path) -> None:
    """An ext4 of ``size`` MiB with the system in ``tree``; the same bytes each time."""
    blank(target, size)
    options = (
        "-q",
        "-F",
        "-t",
        "ext4",
        "-U",
        UUID,
        "-N",
        str(INODES),
        "-J",
        f"size={JOURNAL}",
        "-E",
        f"hash_seed={UUID}",
    )
    run("env", f"E2FSPROGS_FAKE_TIME={EPOCH}", "mke2fs", *options, "-d", tree, target)


def copy(source: Path, target: Path) -> None:
    """A copy with the same holes."""
    run("cp", "--sparse=always", source, target)


def empty(device: Path) -> None:
    """Make it as it came: nothing on it."""
    run("blkdiscard", "--force", device)


def remove(folder: Path) -> None:
    """Remove what was made here."""
    shutil.rmtree(folder, ignore_errors=True)
