"""Partition tables byte by byte: stranger ones than sfdisk makes. Places and counts are sectors."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

SECTOR = 512
LINUX, CONTAINER, PROTECTIVE = 0x83, 0x5, 0xEE
ENTRY_SIZE = 128


@dataclass(frozen=True, slots=True)
class Spot:
    """A partition's number and place; a logical one's with the sector of its ``record``."""

    number: int
    start: int
    count: int
    type: int = LINUX
    record: int = 0

    @property
    def end(self) -> int:
        """The first sector behind."""
        return self.start + self.count


def write_mbr(disk: bytearray, spots: Sequence[Spot]) -> None:
    """Primary partitions, at most one container, the chain of logical ones in the order of their numbers."""
    _table(
        disk, 0, {spot.number - 1: (spot.type, spot.start, spot.count) for spot in spots if not spot.record}
    )
    disk[440:444] = b"odd!"
    chain = sorted((spot for spot in spots if spot.record), key=lambda spot: spot.number)
    origin = next((spot.start for spot in spots if spot.type == CONTAINER), 0)
    for spot, following in zip_longest(chain, chain[1:]):
        slots = {0: (spot.type, spot.start - spot.record, spot.count)}
        if following:
            reach = following.end - following.record
            slots[1] = (CONTAINER, following.record - origin, reach)
        _table(disk, spot.record, slots)


def write_gpt(disk: bytearray, spots: Sequence[Spot], entries: int, first: int = 2) -> None:
    """Both copies, with a table of so many ``entries`` (of the first copy from sector ``first``)."""
    sectors, size = len(disk) // SECTOR, gpt_sectors(entries) - 1
    _table(disk, 0, {0: (PROTECTIVE, 1, sectors - 1)})
    table = bytearray(entries * ENTRY_SIZE)
    for spot in spots:
        ids = (b"type of 16 bytes", b"a number %07d" % spot.number)
        at = (spot.number - 1) * ENTRY_SIZE
        struct.pack_into("<16s16sQQ", table, at, *ids, spot.start, spot.end - 1)
    for mine, other, place in ((1, sectors - 1, first), (sectors - 1, 1, sectors - 1 - size)):
        disk[place * SECTOR : place * SECTOR + len(table)] = table
        shape = (
            mine,
            other,
            first + size,
            sectors - 2 - size,
            b"the disk's number",
            place,
            entries,
            ENTRY_SIZE,
        )
        header = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 1 << 16, 92, 0, 0, *shape, zlib.crc32(table))
        disk[mine * SECTOR : mine * SECTOR + 92] = header
        struct.pack_into("<I", disk, mine * SECTOR + 16, zlib.crc32(header))


def gpt_sectors(entries: int) -> int:
    """What each copy takes: the entries and a header."""
    return -(-entries * ENTRY_SIZE // SECTOR) + 1


def _table(disk: bytearray, sector: int, slots: dict[int, tuple[int, int, int]]) -> None:
    at = sector * SECTOR
    disk[at + 446 : at + 512] = bytes(64) + b"\x55\xaa"
    for slot, (kind, start, count) in slots.items():
        struct.pack_into("<4xB3xII", disk, at + 446 + 16 * slot, kind, start, count)
