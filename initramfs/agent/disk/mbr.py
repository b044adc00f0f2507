"""The PC's partition table of 1983, with extended and logical partitions.

No I/O. Logical partitions are numbered from 5 in the order of the chain, as
Linux does (block/partitions/msdos.c, parse_extended).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from initramfs.agent.disk.errors import LabelError
from initramfs.agent.disk.label import EXTENDED, REPAIR, Label, LabelType, Partition, Reader

MAGIC = b"\x55\xaa"
PROTECTIVE = 0xEE
FIRST_LOGICAL = 5
MAX_LOGICAL = 128
"""Longer chains are loops or nonsense."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One of a table's four entries, in sectors relative to whatever the table says."""

    status: int
    type: int
    start: int
    count: int


def entries(sector: bytes) -> tuple[Entry, ...] | None:
    """The four entries, or None if this sector is no table."""
    if len(sector) < 512 or sector[510:512] != MAGIC or is_filesystem(sector):  # noqa: PLR2004 - MBR's size
        return None
    found = tuple(
        Entry(status, kind, start, count)
        for status, kind, start, count in struct.iter_unpack("<B3xB3xII", sector[446:510])
    )
    return found if all(e.status in (0, 0x80) for e in found) else None


def is_filesystem(sector: bytes) -> bool:
    """Whether this is the boot sector of a FAT, exFAT or NTFS, which ends with the same two bytes."""
    return sector[3:11] in (b"NTFS    ", b"EXFAT   ") or sector[54:57] == b"FAT" or sector[82:87] == b"FAT32"


def read_mbr(read: Reader, sector_size: int) -> Label | None:
    """The label, or None if there is none (no table, an empty one, or a protective one of a GPT).

    Raises LabelError for a broken chain of logical partitions.
    """
    sector = read(0, 512)
    table = entries(sector)
    if table is None or not any(e.count for e in table) or is_protective(table):
        return None
    identifier = f"{struct.unpack_from('<I', sector, 440)[0]:08x}"
    found: list[Partition] = []
    for number, entry in enumerate(table, 1):
        if entry.count:
            found.append(_partition(number, entry, 0, sector_size, identifier))
    containers = [p for p in found if p.type in EXTENDED]
    for container in containers[:1]:
        for number, (base, entry) in enumerate(_chain(read, container, sector_size), FIRST_LOGICAL):
            found.append(_partition(number, entry, base, sector_size, identifier))
    return Label(LabelType.MBR, identifier, tuple(found))


def is_protective(table: tuple[Entry, ...]) -> bool:
    """Whether the table only guards a GPT."""
    return any(e.type == PROTECTIVE and e.count for e in table)


def _partition(number: int, entry: Entry, base: int, sector_size: int, identifier: str) -> Partition:
    return Partition(
        number=number,
        start=(base + entry.start) * sector_size,
        size=entry.count * sector_size,
        type=f"{entry.type:x}",
        uuid=f"{identifier}-{number:02x}",
        bootable=entry.status == 0x80,  # noqa: PLR2004 - the active flag
    )


def _chain(read: Reader, container: Partition, sector_size: int) -> Iterator[tuple[int, Entry]]:
    """Follow the extended boot records; yields each logical partition with the sector it counts from."""
    origin = container.start // sector_size
    base, seen = origin, {origin}
    while len(seen) <= MAX_LOGICAL:
        table = entries(read(base * sector_size, 512))
        if table is None:
            if base == origin:
                return  # an extended partition that was never filled
            raise LabelError(f"the chain of logical partitions breaks at sector {base}", REPAIR)
        for entry in table[:2]:
            if entry.count and f"{entry.type:x}" not in EXTENDED:
                yield base, entry
        link = next((e for e in table[:2] if e.count and f"{e.type:x}" in EXTENDED), None)
        if link is None:
            return
        base = origin + link.start
        if base in seen or not container.start <= base * sector_size < container.end:
            raise LabelError(f"the chain of logical partitions leads to sector {base}", REPAIR)
        seen.add(base)
    raise LabelError(f"more than {MAX_LOGICAL} logical partitions", REPAIR)


def protective_for(sector: bytes, total_sectors: int) -> bytes:
    """The protective MBR in ``sector``, covering a disk of ``total_sectors`` (UEFI 2.10, 5.2.3)."""
    result = bytearray(sector)
    for position in range(446, 510, 16):
        if result[position + 4] == PROTECTIVE:
            start = struct.unpack_from("<I", result, position + 8)[0]
            struct.pack_into("<I", result, position + 12, min(total_sectors - start, 0xFFFFFFFF))
    return bytes(result)
