"""Correct what refers to old identifiers in a mounted file system: texts, and Windows' boot configuration.

Which files and how, ``references`` and ``bcd`` know; here they are found and replaced, whole or not at all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from initramfs.agent.errors import StepError
from initramfs.agent.steps import bcd
from initramfs.agent.steps.put_file import put_file
from initramfs.agent.steps.references import FILES, rewrite
from initramfs.imaging.filesystem.limits import why_not_mounted
from initramfs.imaging.format.header import Filesystem
from initramfs.messages.roots import LVM

REFERRING = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "vfat", "ntfs"})
"""File systems in which references are looked for: roots, boot partitions, EFI system partitions."""
LARGEST = 4 << 20
"""Bytes of a text that is looked into."""


def may_refer(found: Filesystem) -> bool:
    """Whether a file system can be mounted and may hold references."""
    return found.type in REFERRING | {LVM} and not why_not_mounted(found.facts)


def rewrite_references(root: Path, words: Mapping[str, str], folders: Iterable[str] = ("",)) -> list[str]:
    """Correct all texts below ``root`` that refer to old identifiers; which were changed."""
    return [
        str(path.relative_to(root))
        for folder in folders
        for pattern in FILES
        for path in sorted(root.glob(folder + pattern))
        if _is_text(root, path) and _correct(path, words)
    ]


def rewrite_boot_configuration(root: Path, words: Mapping[str, str]) -> list[str]:
    """Correct Windows' boot configuration below ``root``; which files were changed.

    Raises StepError for one that Windows has not finished writing: it would not start from this disk.
    """
    changed = []
    for path in (root / name for name in bcd.FILES):
        if not words or not path.is_file() or path.is_symlink():
            continue
        old = path.read_bytes()
        if not bcd.is_clean(old):
            raise StepError(
                f"{path.name} of Windows has unfinished changes: it cannot be corrected",
                "shut Windows down properly before capturing, or leave identity.uuids = 'keep'",
            )
        if (new := bcd.rebind(old, words)) != old:
            _replace(path, new)
            changed.append(str(path.relative_to(root)))
    return changed


def _is_text(root: Path, path: Path) -> bool:
    """A file of the image's own: links may lead anywhere."""
    return (
        path.is_file()
        and not path.is_symlink()
        and path.resolve().is_relative_to(root.resolve())
        and path.stat().st_size <= LARGEST
    )


def _correct(path: Path, words: Mapping[str, str]) -> bool:
    """Whether there was something to correct."""
    old = path.read_bytes().decode(errors="surrogateescape")
    new = rewrite(old, words)
    if new == old:
        return False
    _replace(path, new.encode(errors="surrogateescape"))
    return True


def _replace(path: Path, content: bytes) -> None:
    """Put ``content`` in place by rename, with owner, mode and attributes as they were."""
    status = path.stat()

    def finish(new: Path) -> None:
        shutil.copystat(path, new)
        if (new.stat().st_uid, new.stat().st_gid) != (status.st_uid, status.st_gid):
            os.chown(new, status.st_uid, status.st_gid)

    put_file(path, content, finish)
