"""Labels in memory, with the identifiers that the format asks for."""

from __future__ import annotations

from dataclasses import replace

from initramfs.imaging.label.model import Label, LabelType, Partition

GUID = "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a{:02x}"
LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"


def mbr(*parts: Partition, identifier: str = "12345678") -> Label:
    """A table of 1983."""
    named = (replace(part, uuid=f"{identifier}-{part.number:02x}") for part in parts)
    return Label(LabelType.MBR, identifier, tuple(named))


def gpt(*parts: Partition) -> Label:
    """A table of today, of Linux's partitions."""
    named = (replace(part, type=LINUX, uuid=GUID.format(part.number)) for part in parts)
    return Label(LabelType.GPT, GUID.format(0), tuple(named))
