"""The GUID partition table (UEFI 2.10, chapter 5), and moving it to a disk of another size.

No I/O. A table that fails its checksums is refused rather than guessed at:
which of its two copies is right is for a person to say.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from dataclasses import dataclass, replace

from initramfs.imaging.errors import LabelError
from initramfs.imaging.label.model import PROTECTIVE, REPAIR, Label, LabelType, Partition, Reader

SIGNATURE = b"EFI PART"
LAYOUT = struct.Struct("<8sIIIIQQQQ16sQIII")
"""Signature, revision, header size, CRC, reserved, my LBA, alternate LBA, first and last usable LBA,
disk GUID, entries' LBA, count, size, CRC."""
ENTRY = struct.Struct("<16s16sQQQ72s")
MAX_ENTRIES = 1024
MAX_SECTOR = 4096


@dataclass(frozen=True, slots=True)
class GptHeader:
    """A GPT header's fields; positions in sectors."""

    revision: int
    size: int
    my_lba: int
    alternate_lba: int
    first_usable: int
    last_usable: int
    guid: bytes
    entries_lba: int
    count: int
    entry_size: int
    entries_crc: int

    @classmethod
    def decode(cls, sector: bytes) -> GptHeader:
        """Read and check a header. Raises LabelError."""
        fields = LAYOUT.unpack_from(sector.ljust(LAYOUT.size, b"\0"))  # a disk may end before it
        header = cls(fields[1], fields[2], *fields[5:])
        if fields[0] != SIGNATURE or not LAYOUT.size <= header.size <= len(sector):
            raise LabelError("there is no GPT header behind the protective MBR", REPAIR)
        if zlib.crc32(sector[:16] + bytes(4) + sector[20 : header.size]) != fields[3]:
            raise LabelError("the GPT header's checksum is wrong", REPAIR)
        if not 0 < header.count <= MAX_ENTRIES or not ENTRY.size <= header.entry_size <= MAX_SECTOR:
            raise LabelError(f"a GPT of {header.count} entries of {header.entry_size} bytes", REPAIR)
        return header

    def encode(self, sector_size: int) -> bytes:
        """One sector."""

        def pack(crc: int) -> bytes:
            return LAYOUT.pack(
                SIGNATURE, self.revision, self.size, crc, 0, self.my_lba, self.alternate_lba,
                self.first_usable, self.last_usable, self.guid, self.entries_lba, self.count,
                self.entry_size, self.entries_crc,
            ).ljust(self.size, b"\0")  # fmt: skip

        return pack(zlib.crc32(pack(0))).ljust(sector_size, b"\0")

    @property
    def table_size(self) -> int:
        """Bytes of the entries."""
        return self.count * self.entry_size

    def table_sectors(self, sector_size: int) -> int:
        """Sectors of the entries."""
        return -(-self.table_size // sector_size)


def read_gpt(read: Reader, sector_size: int) -> Label:
    """The label of a disk whose MBR is protective. Raises LabelError."""
    header = GptHeader.decode(read(sector_size, sector_size))
    table = _table(read, header, sector_size)
    found = [
        _partition(number, table[at : at + ENTRY.size], sector_size)
        for number, at in enumerate(range(0, header.table_size, header.entry_size), 1)
        if any(table[at : at + 16])
    ]
    return Label(LabelType.GPT, str(uuid.UUID(bytes_le=header.guid)), tuple(found))


def _table(read: Reader, header: GptHeader, sector_size: int) -> bytes:
    table = read(header.entries_lba * sector_size, header.table_size)
    if len(table) != header.table_size or zlib.crc32(table) != header.entries_crc:
        raise LabelError("the checksum of the GPT's entries is wrong", REPAIR)
    return table


def _partition(number: int, entry: bytes, sector_size: int) -> Partition:
    kind, unique, first, last, attrs, name = ENTRY.unpack(entry)
    return Partition(
        number=number,
        start=first * sector_size,
        size=(last - first + 1) * sector_size,
        type=str(uuid.UUID(bytes_le=kind)),
        uuid=str(uuid.UUID(bytes_le=unique)),
        name=name.decode("utf-16-le", errors="replace").split("\0", 1)[0],
        attrs=attrs,
    )


@dataclass(frozen=True, slots=True)
class Moved:
    """A table for a disk of another size: the changed head of the disk, and what lies at its end."""

    head: bytes
    tail_offset: int
    tail: bytes


def backup_size(sector_size: int) -> int:
    """Bytes at the end of a disk that hold the usual backup: 16 KiB of entries and a header."""
    return 16384 + sector_size


def move(head: bytes, sector_size: int, disk_size: int) -> Moved:
    """The table in ``head`` (the disk's first bytes), made to fit a disk of ``disk_size`` bytes.

    Raises LabelError if a partition would not fit, or the table lies outside ``head``.
    """

    def read(offset: int, length: int) -> bytes:
        return head[offset : offset + length]

    header = GptHeader.decode(read(sector_size, sector_size))
    end = header.entries_lba * sector_size + header.table_size
    if end > len(head):
        raise LabelError(
            f"the GPT's entries end at byte {end}, behind the first {len(head)} bytes: it cannot be moved",
            "restore to a disk of the image's size without changes, or move them to sector 2 ('sgdisk -j 2') "
            "on the golden machine and capture it again",
        )
    table = _table(read, header, sector_size)
    last = disk_size // sector_size - 1
    backup_lba = last - header.table_sectors(sector_size)
    end = max((p.end for p in read_gpt(read, sector_size).partitions), default=0)
    if end > backup_lba * sector_size:
        raise LabelError(
            f"the last partition ends at byte {end}: no room for the GPT's backup on a disk of {disk_size}"
        )
    primary = replace(header, my_lba=1, alternate_lba=last, last_usable=backup_lba - 1)
    backup = replace(primary, my_lba=last, alternate_lba=1, entries_lba=backup_lba)
    new_head = bytearray(head)
    new_head[:512] = protective_for(head[:512], last + 1)
    new_head[sector_size : 2 * sector_size] = primary.encode(sector_size)
    entries = table.ljust(header.table_sectors(sector_size) * sector_size, b"\0")
    return Moved(bytes(new_head), backup_lba * sector_size, entries + backup.encode(sector_size))


def protective_for(sector: bytes, total_sectors: int) -> bytes:
    """The protective MBR in ``sector``, covering a disk of ``total_sectors`` (UEFI 2.10, 5.2.3).

    In a hybrid one, which names some of the GPT's partitions too, up to the next of those.
    """
    result = bytearray(sector)
    table = list(struct.iter_unpack("<4xB3xII", sector[446:510]))
    starts = [start for kind, start, count in table if count and kind != PROTECTIVE]
    for slot, (kind, start, _) in enumerate(table):
        if kind == PROTECTIVE:
            end = min([total_sectors, *(other for other in starts if other > start)])
            struct.pack_into("<I", result, 446 + 16 * slot + 12, min(end - start, 0xFFFFFFFF))
    return bytes(result)
