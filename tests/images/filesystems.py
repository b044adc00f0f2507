"""File systems made as plain files: nothing is mounted, no loop device is used.

Sizes are MiB. UUIDs and times are fixed, so that the same content gives nearly the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.command import run

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
EPOCH = "1640995200"
"""2022-01-01, in the seconds that e2fsprogs takes as "now"."""


def ext4(target: Path, size: int, uuid: str, tree: Path | None = None, kind: str = "ext4") -> None:
    """An ext file system (``kind``: ext2, ext3, ext4) that holds a copy of ``tree``, owners included."""
    blank(target, size)
    content = ("-d", tree) if tree else ()
    extended = f"hash_seed={uuid},lazy_itable_init=0,lazy_journal_init=0"
    options = ("-q", "-F", "-t", kind, "-U", uuid, "-E", extended, *content)
    run("env", f"E2FSPROGS_FAKE_TIME={EPOCH}", "mke2fs", *options, target)


def fat(target: Path, size: int, serial: str, tree: Path) -> None:
    """A FAT file system that holds a copy of ``tree``; ``serial`` is eight hexadecimal digits."""
    blank(target, size)
    run("mkfs.fat", "--invariant", "-i", serial, target)
    run("mcopy", "-s", "-Q", "-i", target, *sorted(tree.iterdir()), "::/")


def ntfs(target: Path, size: int, start: int, tree: Path) -> None:
    """An NTFS file system with the files (no folders) of ``tree``; ``start`` is its sector on the disk."""
    blank(target, size)
    run("mkntfs", "-q", "-F", "-f", "-p", str(start), "-H", "255", "-S", "63", target)
    for file in sorted(tree.iterdir()):
        run("ntfscp", "-q", target, file, file.name)


def swap(target: Path, size: int, uuid: str) -> None:
    """A swap area."""
    blank(target, size)
    run("mkswap", "-q", "-U", uuid, target)


def blank(target: Path, size: int) -> None:
    """A sparse file of zeros."""
    with target.open("wb") as file:
        file.truncate(size * MIB)
    target.chmod(0o600)  # mkswap warns about anything wider
