"""How long the file of a qcow or qcow2 must be, by its tables: where qemu-img does not look. No I/O.

It takes what lies behind a file's end for zeros, and zeros decompress, too. For the structures see
docs/interop/qcow2.rst and block/qcow.c in QEMU's sources; all numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from initramfs.imaging.label.model import Reader

SECTOR = 512
QCOW = struct.Struct(">24xQBB6xQ")
"""Size of the disk, exponents of a cluster and of a table's entries, where the first table is."""
QCOW2 = struct.Struct(">20xI12xIQ24xQ")
"""Exponent of a cluster, entries of the first table, where it is, features (of version 3) to be known."""
EXTENDED = 1 << 4
"""The feature that makes entries of the second tables twice as long."""
TABLE = ((1 << 56) - 1) & ~(SECTOR - 1)
"""The bits of an entry that tell where a second table is."""
COMPRESSED = 1 << 62


def least_qcow(read: Reader) -> int:
    """Bytes up to the end of the last table of a qcow."""
    size, cluster, exponent, start = QCOW.unpack(read(0, QCOW.size))
    length = 8 * -(-size >> cluster + exponent)
    tables = [place + (8 << exponent) for place in _entries(read(start, length)) if place]
    return int(max([start + length, *tables]))


def least_qcow2(read: Reader) -> int:
    """Bytes up to the last sector of compressed clusters of a qcow2, and one of that: it need not be full."""
    cluster, count, start, features = QCOW2.unpack(read(0, QCOW2.size))
    step = 2 if features & EXTENDED and read(4, 4)[3] > 2 else 1  # noqa: PLR2004 - the version
    bits = 62 - (cluster - 8)
    least = 0
    for entry in _entries(read(start, 8 * count)):
        if place := entry & TABLE:
            found = [e for e in list(_entries(read(place, 1 << cluster)))[::step] if e & COMPRESSED]
            least = max([least, *(_end(e & COMPRESSED - 1, bits) for e in found)])
    return least


def _end(descriptor: int, bits: int) -> int:
    """Where it begins is told by so many bits; how many sectors it goes on into, by the others."""
    offset, more = descriptor & (1 << bits) - 1, descriptor >> bits
    return (offset // SECTOR + more) * SECTOR + 1


def _entries(table: bytes) -> Iterator[int]:
    return (entry for (entry,) in struct.iter_unpack(">Q", table[: len(table) // 8 * 8]))
