"""The PC's partition table of 1983, with extended and logical partitions.

No I/O. Logical partitions are numbered from 5 in the order of the chain, as
Linux does (block/partitions/msdos.c, parse_extended).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from initramfs.imaging.errors import LabelError
from initramfs.imaging.label.model import (
    EXTENDED,
    FIRST_LOGICAL,
    PROTECTIVE,
    REPAIR,
    Label,
    LabelType,
    Partition,
    Reader,
)

MAGIC = b"\x55\xaa"
MAX_LOGICAL = 128
"""Longer chains are loops or nonsense."""

HEADS, SECTORS, CYLINDERS = 255, 63, 1024
"""The geometry that all systems pretend."""
BEYOND = b"\xfe\xff\xff"
"""Stands for every sector that three bytes cannot name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One of a table's four entries, in sectors relative to whatever the table says."""

    status: int
    type: int
    start: int
    count: int


def entries(sector: bytes) -> tuple[Entry, ...] | None:
    """The four entries, or None if this sector is no table."""
    if len(sector) < 512 or sector[510:512] != MAGIC:  # noqa: PLR2004 - MBR's size
        return None
    found = tuple(
        Entry(status, kind, start, count)
        for status, kind, start, count in struct.iter_unpack("<B3xB3xII", sector[446:510])
    )
    if not all(e.status in (0, 0x80) for e in found) or (is_filesystem(sector) and not _names(found)):
        return None
    return found


def _names(table: tuple[Entry, ...]) -> bool:
    """Whether this can be nothing but a table. Tools leave a boot sector's code where they add a table."""
    used = [entry for entry in table if entry.type or entry.start or entry.count]
    return bool(used) and all(entry.type and entry.start and entry.count for entry in used)


def is_filesystem(sector: bytes) -> bool:
    """Whether this looks like the boot sector of a FAT, exFAT or NTFS, which ends with the same two bytes."""
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
    chain = records(read, sector_size)
    logical = [(record, slot) for record in chain for slot in record.data]
    for number, (record, slot) in enumerate(logical, FIRST_LOGICAL):
        found.append(_partition(number, record.table[slot], record.lba, sector_size, identifier))
    return Label(LabelType.MBR, identifier, tuple(found))


def is_protective(table: tuple[Entry, ...]) -> bool:
    """Whether the table only guards a GPT."""
    return any(e.type == PROTECTIVE and e.count for e in table)


def is_hybrid(sector: bytes) -> bool:
    """Whether the MBR in front of a GPT names partitions, beside guarding it."""
    return any(entry.count and entry.type != PROTECTIVE for entry in entries(sector) or ())


def _partition(number: int, entry: Entry, base: int, sector_size: int, identifier: str) -> Partition:
    return Partition(
        number=number,
        start=(base + entry.start) * sector_size,
        size=entry.count * sector_size,
        type=f"{entry.type:x}",
        uuid=f"{identifier}-{number:02x}",
        bootable=entry.status == 0x80,  # noqa: PLR2004 - the active flag
    )


@dataclass(frozen=True, slots=True)
class Record:
    """One extended boot record. ``lba`` is where it lies, ``origin`` what its link counts from, in sectors.

    ``data`` are the slots of its logical partitions (one, if it is in order), ``link`` the next record's.
    """

    lba: int
    origin: int
    sector: bytes
    table: tuple[Entry, ...]

    @property
    def data(self) -> list[int]:
        """Slots of logical partitions."""
        return [n for n, e in enumerate(self.table[:2]) if e.count and f"{e.type:x}" not in EXTENDED]

    @property
    def link(self) -> int | None:
        """The slot that leads to the next record."""
        return next((n for n, e in enumerate(self.table[:2]) if e.count and f"{e.type:x}" in EXTENDED), None)


def records(read: Reader, sector_size: int) -> list[Record]:
    """The chain of logical partitions' records, empty if there is none. Raises LabelError if it is broken."""
    for entry in entries(read(0, 512)) or ():
        if entry.count and f"{entry.type:x}" in EXTENDED:
            return list(_chain(read, entry.start, entry.start + entry.count, sector_size))
    return []


def _chain(read: Reader, origin: int, end: int, sector_size: int) -> Iterator[Record]:
    """Follow the extended boot records of the container from ``origin`` to ``end``, in sectors."""
    base, seen = origin, {origin}
    while len(seen) <= MAX_LOGICAL:
        sector = read(base * sector_size, 512)
        table = entries(sector)
        if table is None:
            if base == origin:
                return  # an extended partition that was never filled
            raise LabelError(f"the chain of logical partitions breaks at sector {base}", REPAIR)
        record = Record(base, origin, sector, table)
        yield record
        if record.link is None:
            return
        base = origin + table[record.link].start
        if base in seen or not origin <= base < end:
            raise LabelError(f"the chain of logical partitions leads to sector {base}", REPAIR)
        seen.add(base)
    raise LabelError(f"more than {MAX_LOGICAL} logical partitions", REPAIR)


def chs(sector: int) -> bytes:
    """Cylinder, head and sector: three bytes for a sector counted from the disk's start.

    Systems read the sector numbers beside them. A few BIOSes refuse a table where the two disagree, so edits
    keep these right.
    """
    cylinder, rest = divmod(sector, HEADS * SECTORS)
    if cylinder >= CYLINDERS:
        return BEYOND
    head, within = divmod(rest, SECTORS)
    return bytes([head, (within + 1) | (cylinder >> 8) << 6, cylinder & 0xFF])
