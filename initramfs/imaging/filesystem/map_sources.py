"""Who says which blocks of a file system are in use, and how far that word reaches.

partclone is believed where its source (0.3.23, Debian 12's; later ones read no less) counts with numbers that
are wide enough for every size the file system can have, and knows the features that change what its map of
blocks means. Beyond that a file system is kept whole, and the image says why. Reads a few well-known bytes
through a reader that starts at the file system; starts nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from initramfs.imaging.filesystem import btrfs, ext, fat, hfsplus, ntfs, xfs
from initramfs.imaging.filesystem.facts import facts_of
from initramfs.imaging.label.model import Reader

F2FS_SECTOR, F2FS_BLOCK = 1024 + 8, 1024 + 16
"""Where the superblock tells the exponents of sectors and blocks: include/linux/f2fs_fs.h."""
APFS_BLOCK, APFS_BLOCKS = 36, 40
"""Where the container tells size and number of blocks: Apple File System Reference, nx_superblock_t."""
APFS_SIZE, APFS_MOST = 4096, 1 << 30
"""Size and number of blocks up to which partclone is believed."""


def _ok(_read: Reader) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class MapSource:
    """Where the map of a file system comes from.

    Attributes:
        partclone: the last part of its program's name; empty where we read the map ourselves.
        options: what that program is told besides.
        why_whole: the reason why this one's map cannot be had from there, or an empty text.
        judged: whether the file system's own mark, which we read, tells all of whether it is in order. Then
            a partclone that fails only shows what it cannot read; else it may have found what is broken.
    """

    partclone: str
    why_whole: Callable[[Reader], str] = _ok
    judged: bool = False
    options: tuple[str, ...] = ()


def _ext(read: Reader) -> str:
    superblock = ext.superblock(read)
    if superblock.bigalloc:
        return "it allocates clusters of blocks (bigalloc), which partclone takes for blocks"
    if superblock.unknown_features:
        return f"it has features that are not known here ({superblock.unknown_features:#x})"
    return ""


def _btrfs(read: Reader) -> str:
    if (count := btrfs.devices(read)) != 1:
        return f"it lies on {count} devices, and says of none alone what is in use"
    if unknown := btrfs.unknown_features(read):
        return f"it has features that are not known here ({unknown:#x})"
    return ""


def _ntfs(read: Reader) -> str:
    if (size := ntfs.cluster_size(read)) > ntfs.LARGEST_KNOWN:
        return f"its clusters have {size} bytes, and partclone reads none above {ntfs.LARGEST_KNOWN}"
    return ""


def _fat(read: Reader) -> str:
    boot = read(0, 512)
    if fat.is_fat12(boot):
        return "it is a FAT12, of which partclone leaves out clusters"
    return ""


def _exfat(read: Reader) -> str:
    return "it has two allocation tables, and partclone reads one" if fat.has_two_tables(read(0, 512)) else ""


def _f2fs(read: Reader) -> str:
    sector, block = (struct.unpack("<I", read(at, 4))[0] for at in (F2FS_SECTOR, F2FS_BLOCK))
    if (sector, block) != (9, 12):
        sizes = f"sectors of {1 << sector % 32} and blocks of {1 << block % 32} bytes"
        return f"it has {sizes}, and partclone reads those of 512 and 4096"
    devices = (facts_of("f2fs", read) or {}).get("devices", 1)
    return f"it lies on {devices} devices" if devices > 1 else ""


def _apfs(read: Reader) -> str:
    block, blocks = struct.unpack("<I", read(APFS_BLOCK, 4))[0], struct.unpack("<Q", read(APFS_BLOCKS, 8))[0]
    if block != APFS_SIZE or blocks > APFS_MOST:
        return f"it has {blocks} blocks of {block} bytes; partclone reads at most {APFS_MOST} of {APFS_SIZE}"
    return ""


_EXT = MapSource("extfs", _ext, options=("--ignore_fschk",))
"""Without its own check: it refuses what was mounted more often than is wished for between two checks."""
MAP_SOURCES: Mapping[str, MapSource] = {
    # libext2fs, block numbers of 64 bits throughout, as ext4 has them at most
    "ext2": _EXT,
    "ext3": _EXT,
    "ext4": _EXT,
    # not partclone: its addtohist multiplies group and blocks of a group in 32 bits, so that from 2^32 blocks
    # on the free blocks of high groups clear used ones of low groups. Nor a real-time part, which it refuses
    "xfs": MapSource("", xfs.why_whole),
    # addresses in 64 bits; what it leaves out is added from the extent tree
    "btrfs": MapSource("btrfs", _btrfs),
    # libntfs-3g, clusters in 64 bits (Windows makes at most 2^32 - 1)
    "ntfs": MapSource("ntfs", _ntfs),
    # sectors in 64 bits (FAT has at most 2^32 - 1)
    "vfat": MapSource("fat", _fat),
    # clusters in 32 bits as on disk, sectors in 64
    "exfat": MapSource("exfat", _exfat),
    # block addresses of 32 bits are the file system's own limit: 16 TiB
    "f2fs": MapSource("f2fs", _f2fs, judged=True),
    # byte offsets of the allocation file are multiplied in 32 bits: it has to lie below 4 GiB, in 8 runs
    "hfsplus": MapSource("hfsplus", hfsplus.why_whole, judged=True),
    # copy-on-write: kept whole it is as after a power cut, at worst, which it is made for.
    # From about 2^31 blocks on there are blocks of addresses (CAB) between, of which it makes free blocks
    "apfs": MapSource("apfs", _apfs, judged=True),
}
"""By blkid's name. Others are kept whole; also minix, whose zones partclone takes for blocks."""
