"""Where a FAT or NTFS believes to begin: the "hidden sectors" of its boot sector, and of the copy of that.

A BIOS starts such a partition by code that adds this number to every sector it reads, so one that was moved
does not start while it is wrong. Systems that run read the partition table instead. Pure: bytes come through
a reader that starts at the file system. See Microsoft's FAT specification, BPB_HiddSec.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from initramfs.imaging.label.model import Reader
from initramfs.imaging.label.relabel import Patch

HIDDEN = 28
NTFS, FAT32 = b"NTFS    ", b"FAT32"
SECTORS = (512, 1024, 2048, 4096)
BOOT_SECTOR = 512
NAMED = frozenset({"ntfs", "vfat"})
"""blkid's names of the file systems that have the number."""


def corrections(read: Reader, start: int) -> Iterator[Patch]:
    """What to change, so that a file system that begins at byte ``start`` of its disk says so.

    A zero stays: such a file system was never made to be started. So does whatever is no FAT and no NTFS.
    """
    boot = read(0, BOOT_SECTOR)
    if len(boot) < BOOT_SECTOR or not _is_known(boot):
        return
    sector = struct.unpack_from("<H", boot, 11)[0]
    if sector not in SECTORS or start % sector or start // sector >= 1 << 32:
        return
    wanted = struct.pack("<I", start // sector)
    for place in sorted({0, _copy(boot, sector)}):
        found = read(place, BOOT_SECTOR)
        says = found[HIDDEN : HIDDEN + 4]
        if found[:HIDDEN] == boot[:HIDDEN] and says not in (bytes(4), wanted):
            yield Patch(place + HIDDEN, wanted)


def _is_known(boot: bytes) -> bool:
    return boot[3:11] == NTFS or boot[54:57] == b"FAT" or boot[82:87] == FAT32


def _copy(boot: bytes, sector: int) -> int:
    """Where the copy of the boot sector lies; where there is none, the boot sector itself."""
    if boot[3:11] == NTFS:
        return int(struct.unpack_from("<Q", boot, 40)[0]) * sector
    return struct.unpack_from("<H", boot, 50)[0] * sector if boot[82:87] == FAT32 else 0
