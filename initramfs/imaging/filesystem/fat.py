"""What partclone's map leaves out of FAT12 and exFAT, read from their boot sectors. Pure."""

from __future__ import annotations

import struct

from initramfs.imaging.spans import Span

FAT16_CLUSTERS = 4085
"""With so many clusters, or more, a FAT has entries of 16 bits."""


def is_fat12(boot: bytes) -> bool:
    """Whether it is one, by the number of clusters alone: see Microsoft's FAT specification."""
    sector, cluster, reserved, fats, root, few, fat = struct.unpack_from("<HBHBHH1xH", boot, 11)
    many = struct.unpack_from("<I", boot, 32)[0]
    if not fat or not sector or not cluster:
        return False  # FAT32, or nothing that partclone would take
    data = (few or many) - reserved - fats * fat - -(-root * 32 // sector)
    return bool(data // cluster < FAT16_CLUSTERS)


def last_clusters(boot: bytes) -> Span:
    """The two of an exFAT that partclone leaves out: their numbers begin with 2 (its specification, 3.1)."""
    heap, count = struct.unpack_from("<II", boot, 88)
    cluster = 1 << boot[108] + boot[109]
    end = (heap << boot[108]) + count * cluster
    return max(0, end - 2 * cluster), end


def has_two_tables(boot: bytes) -> bool:
    """Whether an exFAT is one of those that change two tables in turn (3.1.16)."""
    return boot[110] != 1
