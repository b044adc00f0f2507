"""File systems with something in them, to be resized or renamed; checked and read by mounting (root)."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.images.filesystems import MIB, blank
from tests.lab.command import run

MAKERS = {
    "ext4": ("mkfs.ext4", "-q", "-F"),
    "ntfs": ("mkntfs", "-q", "-F", "-f", "-p", "2048", "-H", "255", "-S", "63"),
    "xfs": ("mkfs.xfs", "-q", "-f"),
    "btrfs": ("mkfs.btrfs", "-q", "-f"),
    "vfat": ("mkfs.fat",),
    "swap": ("mkswap", "-q"),
}
CHECKERS = {
    "ext4": ("e2fsck", "-fn"),
    "ntfs": ("ntfsresize", "--force", "--force", "--info"),
    "xfs": ("xfs_repair", "-n"),
    "btrfs": ("btrfs", "check"),
    "vfat": ("fsck.fat", "-n"),
    "swap": ("swaplabel",),
}
MOUNTS = {"ntfs": ("-t", "ntfs-3g"), "xfs": ("-o", "nouuid"), "vfat": ("-t", "vfat")}


def make(target: Path, size: int, kind: str, data: int = 8) -> None:
    """A file system of ``size`` MiB with about ``data`` MiB in it, spread over it."""
    blank(target, size)
    run(*MAKERS[kind], target)
    with loop(target) as device, mounted(device, kind) as place:
        for number in range(16):
            content = random.Random(number).randbytes(data * MIB // 16)
            (place / f"folder{number % 3}").mkdir(exist_ok=True)
            (place / f"folder{number % 3}" / f"file{number}").write_bytes(content)


@contextmanager
def loop(path: Path, start: int = 0, size: int = 0) -> Iterator[Path]:
    """A part of a disk (bytes) as a block device."""
    limits = ("--offset", str(start), *(("--sizelimit", str(size)) if size else ()))
    name = run("losetup", "--find", "--show", *limits, path).strip()
    try:
        yield Path(name)
    finally:
        run("losetup", "--detach", name)


@contextmanager
def mounted(device: Path, kind: str) -> Iterator[Path]:
    """Mounted, as a user would."""
    with TemporaryDirectory() as name:
        run("mount", *MOUNTS.get(kind, ()), device, name)
        try:
            yield Path(name)
        finally:
            run("umount", name)


def digests(device: Path, kind: str) -> dict[str, str]:
    """Every file's name and hash."""
    with mounted(device, kind) as place:
        files = (path for path in place.rglob("*") if path.is_file())
        return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def check(device: Path, kind: str) -> str:
    """The file system's own checker finds nothing; what it said."""
    return run(*CHECKERS[kind], device)


def capacity(device: Path, kind: str) -> int:
    """Bytes that the mounted file system says it has."""
    with mounted(device, kind) as place:
        return int(run("stat", "-f", "-c", "%S", place)) * int(run("stat", "-f", "-c", "%b", place))
