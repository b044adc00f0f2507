"""Where a disk's tables lie: what has to be kept of what belongs to no partition. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from initramfs.imaging.errors import LabelError
from initramfs.imaging.label.gpt import GptHeader
from initramfs.imaging.label.mbr import records
from initramfs.imaging.label.model import Label, LabelType, Reader
from initramfs.imaging.spans import Span, merge

BOOT_CODE = 16 << 20
"""At most so much before the first partition is boot code: GRUB needs 1 MiB, U-Boot on some boards 16."""


def table_spans(read: Reader, label: Label, size: int, sector_size: int) -> list[Span]:
    """The boot code area before the first partition and all copies of the tables, sorted, as bytes."""
    first = min((area.start for area in label.areas), default=size)
    tables = _gpt(read, sector_size) if label.type is LabelType.GPT else _mbr(read, sector_size)
    return merge([(0, min(first, BOOT_CODE)), *tables], size, grain=sector_size)


def _mbr(read: Reader, sector_size: int) -> Iterator[Span]:
    yield 0, sector_size
    for record in records(read, sector_size):
        yield record.lba * sector_size, (record.lba + 1) * sector_size


def _gpt(read: Reader, sector_size: int) -> Iterator[Span]:
    primary = GptHeader.decode(read(sector_size, sector_size))
    yield 0, 2 * sector_size
    yield _entries(primary, primary.entries_lba, sector_size)
    at = primary.alternate_lba
    yield at * sector_size, (at + 1) * sector_size
    try:
        lba = GptHeader.decode(read(at * sector_size, sector_size)).entries_lba
    except LabelError:
        lba = at - primary.table_sectors(sector_size)  # a damaged backup, which lies where it usually does
    yield _entries(primary, lba, sector_size)


def _entries(header: GptHeader, lba: int, sector_size: int) -> Span:
    return lba * sector_size, (lba + header.table_sectors(sector_size)) * sector_size
