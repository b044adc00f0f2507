"""Where a file's content lies on its file system, as the kernel tells (FIEMAP, linux/fiemap.h)."""

from __future__ import annotations

import fcntl
import struct
from pathlib import Path

from initramfs.imaging.spans import Span

FS_IOC_FIEMAP = 0xC020660B
HEADER = struct.Struct("=QQLLLL")
EXTENT = struct.Struct("=QQQQQLLLL")
COUNT = 512
LAST, UNKNOWN, UNPLACED, ENCODED, INLINE = 0x1, 0x2, 0x4, 0x8, 0x200
STRANGE = UNKNOWN | UNPLACED | ENCODED | INLINE
"""Flags of content that does not simply lie there: compressed, inside of metadata, not written yet."""

Extent = tuple[int, int, int]
"""Logical offset in the file, offset in the file system, length."""


def extents_of(path: Path) -> list[Extent] | None:
    """The extents of a file; None if its file system does not tell, or it is more complicated than that."""
    found: list[Extent] = []
    start = 0
    try:
        with path.open("rb") as file:
            while True:
                flags = _ask(file.fileno(), start, found)
                if flags is None or flags & STRANGE:
                    return None
                if flags & LAST:
                    return found
                start = found[-1][0] + found[-1][2]
    except OSError:
        return None


def spans_of(extents: list[Extent]) -> list[Span]:
    """What of the file system they cover."""
    return [(physical, physical + length) for _, physical, length in extents]


def _ask(file: int, start: int, found: list[Extent]) -> int | None:
    """Add the next extents; their flags together. Without any the file is a hole: that is its last extent."""
    request = bytearray(HEADER.size + COUNT * EXTENT.size)
    HEADER.pack_into(request, 0, start, (1 << 64) - 1 - start, 0, 0, COUNT, 0)
    fcntl.ioctl(file, FS_IOC_FIEMAP, request)
    mapped = HEADER.unpack_from(request)[3]
    flags = 0 if mapped else LAST
    for number in range(mapped):
        extent = EXTENT.unpack_from(request, HEADER.size + number * EXTENT.size)
        found.append(extent[:3])
        flags |= extent[5]
    return flags
