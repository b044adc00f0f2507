"""What cannot be done with a file system by its tools or the kernel, known before they are started.

Pure: from the facts that a manifest records, or :mod:`~initramfs.imaging.filesystem.facts` reads. What is
not recorded is no obstacle: then the tool itself says no.
"""

from __future__ import annotations

from collections.abc import Mapping

GROWABLE = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "ntfs"})
SHRINKABLE = frozenset({"ext2", "ext3", "ext4", "btrfs", "ntfs"})
UUID_TYPES = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "swap"})
RENAMABLE = UUID_TYPES | {"vfat", "ntfs"}
"""File systems, by blkid's names, that get another identifier from their own tools."""
BTRFS_LEAST = 256 << 20
"""The kernel gives no Btrfs a smaller size, not even a growing one (fs/btrfs/ioctl.c, btrfs_ioctl_resize)."""

GROWING: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("ext2", "ext3", "ext4"), ("e2fsck", "resize2fs")),
    "xfs": ("mount", "umount", "xfs_growfs", "xfs_repair"),
    "btrfs": ("mount", "umount", "btrfs"),
    "ntfs": ("ntfsresize",),
}
"""The programs that grow a file system and check it afterwards."""

_ELSEWHERE = {
    "external_journal": "its journal lies on another device",
    "external_log": "its log lies on another device",
    "realtime": "a part of its data lies on another device",
}


def why_not_grown(kind: str, facts: Mapping[str, int] | None, size: int) -> str:
    """Why ``kind`` (blkid's name) cannot grow to ``size`` bytes, or an empty text."""
    if kind not in GROWABLE:
        return "its tools cannot make it larger"
    if kind == "btrfs" and size < BTRFS_LEAST:
        return f"the kernel resizes no btrfs to less than {BTRFS_LEAST} bytes"
    return _why_fixed(facts or {})


def why_not_shrunk(kind: str, facts: Mapping[str, int] | None) -> str:
    """Why ``kind`` cannot be made smaller, or an empty text."""
    if kind not in SHRINKABLE:
        return "its tools cannot make it smaller"
    known = facts or {}
    if known.get("stable_inodes"):
        return "it has the feature stable_inodes: its encrypted files could not be read afterwards"
    return _why_fixed(known)


def why_not_renamed(kind: str, facts: Mapping[str, int] | None) -> str:
    """Why ``kind`` cannot get another identifier, or an empty text."""
    if kind not in RENAMABLE:
        return "no tool here changes it"
    if (facts or {}).get("stable_inodes"):
        return "it has the feature stable_inodes: its encrypted files could not be read afterwards"
    return why_not_mounted(facts)


def why_not_mounted(facts: Mapping[str, int] | None) -> str:
    """Why a file system cannot be mounted where it was restored alone, or an empty text."""
    return _what_is_elsewhere(facts or {})


def _why_fixed(facts: Mapping[str, int]) -> str:
    if facts.get("bigalloc"):
        return "it has the feature bigalloc, with which resize2fs does not resize it"
    return _what_is_elsewhere(facts)


def _what_is_elsewhere(facts: Mapping[str, int]) -> str:
    if (devices := facts.get("devices", 1)) != 1:
        return f"it lies on {devices} devices"
    return next((why for name, why in _ELSEWHERE.items() if facts.get(name)), "")
