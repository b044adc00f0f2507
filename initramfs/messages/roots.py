"""Which kinds of file systems can hold a Linux root that the agent can personalise, by blkid's names.

A leaf: the agent decides by it before the first write, the appliance already when a profile is given.
"""

from __future__ import annotations

FILESYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs"})
"""What roots are made of and the agent's kernel can write to; by blkid's names, as in a manifest."""

LVM = "LVM2_member"
"""A physical volume: a root may lie in one of its logical volumes."""

OTHERS = {
    "crypto_LUKS": "LUKS: it is encrypted, and cannot be changed without its key",
    "BitLocker": "BitLocker: it is encrypted, and cannot be changed without its key",
    "ntfs": "an NTFS: Windows is not personalised",
    "swap": "swap space",
    "swsuspend": "a hibernated system",
    "linux_raid_member": "a member of a Linux RAID",
    "zfs_member": "a member of a ZFS pool",
    "": "no file system",
}
"""What else lies in partitions, in words."""


def why_no_root(kind: str) -> str:
    """What a partition holds that cannot be a root's, in words; empty if it can."""
    return "" if kind in FILESYSTEMS | {LVM} else OTHERS.get(kind, kind)
