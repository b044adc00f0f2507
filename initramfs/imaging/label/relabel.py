"""Changing what a label says: where partitions lie, the disk's identifier and theirs.

No I/O: bytes come through a reader, changes go out as patches. They reach
every copy of a fact: the GPT's backup and checksums, a hybrid MBR, the links and the containers of
logical partitions. All other bytes stay as they are, boot code first.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from initramfs.imaging.errors import LabelError
from initramfs.imaging.label.gpt import ENTRY, GptHeader
from initramfs.imaging.label.mbr import Record, chs, entries, is_hybrid, records
from initramfs.imaging.label.model import FIRST_LOGICAL, PROTECTIVE, REPAIR, Edits, Label, LabelType, Reader

SIGNATURE_AT, TABLE_AT = 440, 446


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes that belong to a place on the disk."""

    offset: int
    data: bytes


def relabel(read: Reader, label: Label, sector_size: int, edits: Edits) -> list[Patch]:
    """What to write where, so that the disk's label (of ``label``'s type) says what ``edits`` want.

    Raises LabelError for a table that is damaged.
    """
    if not edits:
        return []
    if label.type is LabelType.GPT:
        return [*_hybrid(read, label, sector_size, edits), *_gpt(read, sector_size, edits)]
    return list(_mbr(read, sector_size, edits))


def _gpt(read: Reader, sector_size: int, edits: Edits) -> Iterator[Patch]:
    header = GptHeader.decode(read(sector_size, sector_size))
    table = bytearray(read(header.entries_lba * sector_size, header.table_size))
    if zlib.crc32(table) != header.entries_crc:
        raise LabelError("the checksum of the GPT's entries is wrong", REPAIR)
    for number in edits.sizes.keys() | edits.uuids.keys() | edits.starts.keys():
        _change_entry(table, (number - 1) * header.entry_size, number, sector_size, edits)
    guid = uuid.UUID(edits.id).bytes_le if edits.id else header.guid
    primary = replace(header, guid=guid, entries_crc=zlib.crc32(table))
    backup_lba = header.alternate_lba - header.table_sectors(sector_size)
    backup = replace(
        primary, my_lba=header.alternate_lba, alternate_lba=header.my_lba, entries_lba=backup_lba
    )
    yield Patch(backup_lba * sector_size, bytes(table))
    yield Patch(backup.my_lba * sector_size, backup.encode(sector_size))
    yield Patch(header.entries_lba * sector_size, bytes(table))
    yield Patch(sector_size, primary.encode(sector_size))


def _hybrid(read: Reader, label: Label, sector_size: int, edits: Edits) -> Iterator[Patch]:
    """The entries of partitions that the protective MBR names too."""
    sector = read(0, 512)
    if edits.starts and is_hybrid(sector):
        raise LabelError(
            "the protective MBR names partitions of the GPT too: none of them can be moved",
            "restore without growing this partition",
        )
    sizes = {part.start: edits.sizes[part.number] for part in label.areas if part.number in edits.sizes}
    for slot, entry in enumerate(entries(sector) or ()):
        if entry.type != PROTECTIVE and entry.count and (size := sizes.get(entry.start * sector_size)):
            yield _count(sector, 0, 0, slot, size // sector_size)


def _change_entry(table: bytearray, at: int, number: int, sector_size: int, edits: Edits) -> None:
    kind, unique, first, last, attrs, name = ENTRY.unpack_from(table, at)
    size = edits.sizes.get(number, (last - first + 1) * sector_size)
    first = edits.starts.get(number, first * sector_size) // sector_size
    last = first + size // sector_size - 1
    if number in edits.uuids:
        unique = uuid.UUID(edits.uuids[number]).bytes_le
    ENTRY.pack_into(table, at, kind, unique, first, last, attrs, name)


def _mbr(read: Reader, sector_size: int, edits: Edits) -> Iterator[Patch]:
    if edits.id:
        yield Patch(SIGNATURE_AT, struct.pack("<I", int(edits.id, 16)))
    sector = read(0, 512)
    for number in range(1, FIRST_LOGICAL):
        if number in edits.sizes.keys() | edits.starts.keys():
            yield _primary(sector, number - 1, edits.starts.get(number), edits.sizes.get(number), sector_size)
    chain = records(read, sector_size)
    logical = [(record, slot) for record in chain for slot in record.data]
    for number, (record, slot) in enumerate(logical, FIRST_LOGICAL):
        if number in edits.sizes:
            yield from _logical(chain, record, slot, edits.sizes[number] // sector_size, sector_size)


def _primary(sector: bytes, slot: int, start: int | None, size: int | None, sector_size: int) -> Patch:
    """An entry of the disk's first sector. ``start`` and ``size``: bytes, None for what stays."""
    moved = bytearray(sector)
    at = TABLE_AT + 16 * slot
    count = struct.unpack_from("<I", sector, at + 12)[0] if size is None else size // sector_size
    if start is not None:
        moved[at + 1 : at + 4] = chs(start // sector_size)
        struct.pack_into("<I", moved, at + 8, start // sector_size)
    return _count(bytes(moved), 0, 0, slot, count)


def _logical(chain: list[Record], record: Record, slot: int, count: int, sector_size: int) -> Iterator[Patch]:
    """The partition's own entry, and the link before it, which tells how far its record reaches."""
    yield _count(record.sector, record.lba * sector_size, record.lba, slot, count)
    reach = record.table[slot].start + count
    for before in chain:
        if before.link is not None and before.origin + before.table[before.link].start == record.lba:
            yield _count(before.sector, before.lba * sector_size, before.origin, before.link, reach)


def _count(sector: bytes, offset: int, base: int, slot: int, count: int) -> Patch:
    """An entry with another number of sectors. ``base``: what its start counts from."""
    at = TABLE_AT + 16 * slot
    start = struct.unpack_from("<I", sector, at + 8)[0]
    entry = bytearray(sector[at : at + 16])
    entry[5:8] = chs(base + start + count - 1)
    struct.pack_into("<I", entry, 12, count)
    return Patch(offset + at, bytes(entry))
