"""What the volume header of an HFS+ says. No I/O but through a reader; big-endian.

See Apple's Technical Note 1150.
"""

from __future__ import annotations

import struct

from initramfs.imaging.label.model import Reader

HEADER = 1024
WRAPPER = b"BD"
"""Begins an HFS of old, which may hold an HFS+ inside."""
UNMOUNTED, INCONSISTENT = 1 << 8, 1 << 11
"""In the attributes."""
REACH = 1 << 32
"""partclone multiplies where the allocation file lies in 32 bits."""


def why_dirty(read: Reader) -> str:
    """The reason why it was not left in order, or an empty text."""
    if read(HEADER, 2) == WRAPPER:
        return ""  # the header inside counts, and is not looked for
    attributes = struct.unpack(">I", read(HEADER + 4, 4))[0]
    if attributes & INCONSISTENT:
        return "errors were found in it"
    return "" if attributes & UNMOUNTED else "it was not unmounted"


def why_whole(read: Reader) -> str:
    """The reason why partclone's map of it is not to be taken, or an empty text."""
    if read(HEADER, 2) == WRAPPER:
        return "it lies inside of an HFS"
    block = struct.unpack(">I", read(HEADER + 40, 4))[0]
    blocks, *runs = struct.unpack(">I16I", read(HEADER + 124, 68))
    starts, counts = runs[::2], runs[1::2]
    if any((start + count) * block >= REACH for start, count in zip(starts, counts, strict=True)):
        return "its allocation file lies beyond 4 GiB, where partclone does not find it"
    return "" if sum(counts) == blocks else "its allocation file has more runs than partclone reads"
