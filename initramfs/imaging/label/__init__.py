"""Partition tables: reading MBR and GPT, and changing what they say. No I/O."""

from __future__ import annotations

from initramfs.imaging.label.gpt import read_gpt
from initramfs.imaging.label.mbr import entries, is_protective, read_mbr
from initramfs.imaging.label.model import Label, Reader


def read_label(read: Reader, size: int, sector_size: int) -> Label | None:
    """The label of a disk of ``size`` bytes, or None if it has none (blank, or a bare file system).

    Raises LabelError for a table that is there but wrong.
    """
    table = entries(read(0, 512))
    if table is None:
        return None
    label = read_gpt(read, sector_size) if is_protective(table) else read_mbr(read, sector_size)
    if label is not None:
        label.check(size, sector_size)
    return label
