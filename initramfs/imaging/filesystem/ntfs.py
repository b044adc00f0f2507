"""What the boot sector of an NTFS says, and which clusters are marked as broken. No I/O but through a reader.

For the structures see the Linux kernel's fs/ntfs3/ntfs.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from initramfs.imaging.label.model import Reader

RECORD_OF_BAD = 8
STRIDE = 512
"""The last two bytes of so many are kept in the record's update sequence, whatever a sector's size is."""
LIST, DATA, END = 0x20, 0x80, 0xFFFFFFFF
"""Types of attributes."""
STREAM = "$Bad".encode("utf-16-le")
LARGE = 0x80
"""From here on a byte for a size is the negative exponent of a power of two."""
LARGEST_KNOWN = 1 << 16
"""Larger clusters came with Windows 10; ntfs-3g reads none."""


def cluster_size(read: Reader) -> int:
    """In bytes."""
    return _geometry(read(0, 512).ljust(512, b"\0"))[0]


def bad_clusters(read: Reader) -> int | None:
    """How many clusters are marked bad; None if their list is nowhere to be seen."""
    cluster, place, size = _geometry(read(0, 512).ljust(512, b"\0"))
    record = _record(read(place + RECORD_OF_BAD * size, size))
    if not cluster or not record:
        return None
    count: int | None = None
    for kind, attribute in _attributes(record):
        if kind == LIST:
            count = max(1, count or 0)  # so many that their list goes on in other records
        elif kind == DATA and _name(attribute) == STREAM:
            pairs = struct.unpack_from("<H", attribute, 32)[0]
            count = (count or 0) + _bad(attribute[pairs:])
    return count


def _geometry(boot: bytes) -> tuple[int, int, int]:
    """Bytes of a cluster, where the master file table begins, bytes of a record."""
    sector, sectors = struct.unpack_from("<HB", boot, 11)
    cluster = sector * (sectors if sectors <= LARGE else 1 << 0x100 - sectors)
    size = boot[64]
    record = size * cluster if size < LARGE else 1 << min(0x100 - size, 16)
    return cluster, struct.unpack_from("<Q", boot, 48)[0] * cluster, record


def _record(raw: bytes) -> bytes:
    """With the ends of its sectors put back; nothing if it is no record."""
    if not raw.startswith(b"FILE"):
        return b""
    at, count = struct.unpack_from("<HH", raw, 4)
    record = bytearray(raw)
    for number in range(1, count):
        end = number * STRIDE
        record[end - 2 : end] = raw[at + 2 * number : at + 2 * number + 2]
    return bytes(record[: len(raw)])


def _attributes(record: bytes) -> Iterator[tuple[int, bytes]]:
    at = struct.unpack_from("<H", record, 20)[0]
    while at + 8 <= len(record):
        kind, size = struct.unpack_from("<II", record, at)
        if kind == END or size <= 0:
            return
        yield kind, record[at : at + size]
        at += size


def _name(attribute: bytes) -> bytes:
    length, place = struct.unpack_from("<BH", attribute, 9)
    return attribute[place : place + 2 * length]


def _bad(pairs: bytes) -> int:
    """Clusters of the runs that lie somewhere: the others are the healthy rest of the volume."""
    at = found = 0
    while at < len(pairs) and pairs[at]:
        lengths, places = pairs[at] & 15, pairs[at] >> 4
        if places:
            found += int.from_bytes(pairs[at + 1 : at + 1 + lengths], "little")
        at += 1 + lengths + places
    return found
