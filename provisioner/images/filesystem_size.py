"""How many bytes a file system in a file asks for, however many there are. No I/O.

The engine's own question is another one: how small a partition that is there may become.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from initramfs.imaging.filesystem.size import fs_size
from initramfs.imaging.label.model import Reader

HUGE = 1 << 62
START = 36 << 10
"""Bytes in which they tell it."""


def needed_by(kind: str, read: Reader) -> int:
    """Bytes of a file system of this kind (blkid's name), 0 if that is not known."""
    if kind in _OTHERS:
        try:
            return _OTHERS[kind](read(0, START).ljust(START, b"\0"))
        except struct.error:  # it points behind what is read
            return 0
    found = fs_size(kind, read, HUGE)
    if kind == "ntfs":  # the copy of the boot sector, which may be missing
        found -= struct.unpack_from("<H", read(0, 512).ljust(512, b"\0"), 11)[0]
    return 0 if found >= HUGE >> 1 else found


def _vfat(start: bytes) -> int:
    sector, small, large = (
        struct.unpack_from(code, start, at)[0] for code, at in (("<H", 11), ("<H", 19), ("<I", 32))
    )
    return int(sector * (small or large))


def _exfat(start: bytes) -> int:
    return int(struct.unpack_from("<Q", start, 72)[0]) << min(start[108], 12)


def _f2fs(start: bytes) -> int:
    """include/linux/f2fs_fs.h: log_blocksize, block_count; those of all devices, if they are several."""
    several = any(start[1024 + 2201 : 1024 + 2201 + 64])
    shift, blocks = struct.unpack_from("<I16xQ", start, 1024 + 16)
    return 0 if several else int(blocks << min(shift, 16))


def _hfsplus(start: bytes) -> int:
    """Apple's Technical Note 1150: blockSize, totalBlocks; of one that lies inside of an HFS, nothing."""
    block, blocks = struct.unpack_from(">II", start, 1024 + 40)
    return int(block * blocks) if start[1024:1026] in (b"H+", b"HX") else 0


def _apfs(start: bytes) -> int:
    """Apple File System Reference, nx_superblock_t."""
    block, blocks = struct.unpack_from("<IQ", start, 36)
    return int(block * blocks)


def _jfs(start: bytes) -> int:
    """fs/jfs/jfs_superblock.h: s_size, in s_pbsize."""
    size, block = struct.unpack_from("<Q8xI", start, 0x8000 + 8)
    return int(size * block)


def _nilfs2(start: bytes) -> int:
    """uapi/linux/nilfs2_ondisk.h: s_dev_size."""
    return int(struct.unpack_from("<Q", start, 1024 + 32)[0])


def _lvm(start: bytes) -> int:
    """lib/format_text/layout.h of LVM2: the label says where the head is, that the device's size."""
    label = next((at for at in range(0, 2048, 512) if start.startswith(b"LABELONE", at)), None)
    if label is None:
        return 0
    (head,) = struct.unpack_from("<I", start, label + 20)
    return int(struct.unpack_from("<Q", start, label + head + 32)[0])


_OTHERS: Mapping[str, Callable[[bytes], int]] = {
    "vfat": _vfat,
    "exfat": _exfat,
    "f2fs": _f2fs,
    "hfsplus": _hfsplus,
    "apfs": _apfs,
    "jfs": _jfs,
    "nilfs2": _nilfs2,
    "LVM2_member": _lvm,
}
