"""How large a file system itself is: the smallest partition that holds it as it is.

No I/O: a few well-known bytes through a reader that starts at the file system. A file system may be
smaller than its partition; then the partition can be cut to it.
"""

from __future__ import annotations

import struct

from initramfs.imaging.filesystem import ext, xfs
from initramfs.imaging.label.model import Reader

BTRFS_SUPER = 0x10000
SUPER_SIZE = 4096


def fs_size(kind: str, read: Reader, size: int) -> int:
    """Bytes from the partition's start that ``kind`` (blkid's name) needs.

    Never more than ``size``, the partition's, and that if it is not known.
    """
    match kind:
        case "ext2" | "ext3" | "ext4":
            super_ = ext.superblock(read)
            found = super_.blocks * super_.block_size
        case "ntfs":
            found = _ntfs(_get(read, 0, 512))
        case "xfs":
            data = xfs.superblock(read)
            found = data.blocks * data.block_size
        case "btrfs":
            found = _btrfs(_get(read, BTRFS_SUPER, SUPER_SIZE))
        case _:
            return size
    return min(found, size) or size


def _get(read: Reader, offset: int, length: int) -> bytes:
    return read(offset, length).ljust(length, b"\0")


def _ntfs(boot: bytes) -> int:
    """Bytes per sector, number of sectors; one more holds the copy of the boot sector."""
    sector, count = struct.unpack_from("<H", boot, 11)[0], struct.unpack_from("<Q", boot, 40)[0]
    return int(sector * (count + 1))


def _btrfs(superblock: bytes) -> int:
    """See fs/btrfs/ctree.h: dev_item.total_bytes, where this file system has no other device."""
    devices = struct.unpack_from("<Q", superblock, 0x88)[0]
    return int(struct.unpack_from("<Q", superblock, 0xC9 + 8)[0]) if devices == 1 else 0
