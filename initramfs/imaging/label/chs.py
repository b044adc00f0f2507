"""Cylinder, head and sector, which an MBR still carries beside its sector numbers.

No I/O. Nobody has read them for decades but a few BIOSes, which refuse a table where they contradict the
sector numbers; so they are kept right, in the geometry that everybody pretends (255 heads, 63 sectors).
"""

from __future__ import annotations

HEADS, SECTORS, CYLINDERS = 255, 63, 1024
BEYOND = b"\xfe\xff\xff"
"""Stands for every sector that three bytes cannot name."""


def chs(sector: int) -> bytes:
    """The three bytes for a sector counted from the disk's start."""
    cylinder, rest = divmod(sector, HEADS * SECTORS)
    if cylinder >= CYLINDERS:
        return BEYOND
    head, within = divmod(rest, SECTORS)
    return bytes([head, (within + 1) | (cylinder >> 8) << 6, cylinder & 0xFF])
