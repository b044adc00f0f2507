"""Giving a file system another identifier with its own tools. ``path`` is a block device, not mounted."""

from __future__ import annotations

from pathlib import Path

from initramfs.imaging.errors import ToolError
from initramfs.imaging.filesystem.check import prove
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.filesystem.resize import EXT, check_ext
from initramfs.imaging.run import run


def rename(kind: str, path: Path, new: str, size: int) -> None:
    """Set the identifier of the ``kind`` on ``path`` to ``new``; its own tool and blkid must agree.

    May be repeated. Raises ToolError.
    """
    if probe(path, 0, size).uuid == new:
        return
    if kind in EXT:
        check_ext(path)
    run(*_command(kind, new), *_arguments(kind, path, new))
    prove(kind, path)
    found = probe(path, 0, size).uuid
    if found != new:
        raise ToolError(f"the {kind} on {path} should have got the identifier {new} and has {found}")


def _command(kind: str, new: str) -> tuple[str, ...]:
    match kind:
        case "ext2" | "ext3" | "ext4":
            return ("tune2fs", "-U", new)
        case "xfs":
            return ("xfs_admin", "-U", new)
        case "btrfs":
            return ("btrfstune", "-f", "-U", new)
        case "swap":
            return ("swaplabel", "-U", new)
        case "ntfs":
            return ("ntfslabel", "--force", f"--new-serial={new}")
        case "vfat":
            return ("fatlabel", "--volume-id")
        case _:
            raise ToolError(f"the identifier of {kind or 'an unknown file system'} cannot be changed")


def _arguments(kind: str, path: Path, new: str) -> tuple[str, ...]:
    return (str(path), new.replace("-", "")) if kind == "vfat" else (str(path),)
