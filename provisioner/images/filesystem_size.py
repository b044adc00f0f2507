"""How many bytes a file system in a file asks for, however many there are. No I/O.

The engine's own question is another one: how small a partition that is there may become.
"""

from __future__ import annotations

import struct

from initramfs.imaging.filesystem.size import fs_size
from initramfs.imaging.label.model import Reader

HUGE = 1 << 62


def needed_by(kind: str, read: Reader) -> int:
    """Bytes of a file system of this kind (blkid's name), 0 if that is not known."""
    boot = read(0, 512).ljust(512, b"\0")
    if kind == "vfat":
        sector, small, large = (
            struct.unpack_from(code, boot, at)[0] for code, at in (("<H", 11), ("<H", 19), ("<I", 32))
        )
        return int(sector * (small or large))
    if kind == "exfat":
        return int(struct.unpack_from("<Q", boot, 72)[0]) << min(boot[108], 12)
    found = fs_size(kind, read, HUGE)
    if kind == "ntfs":
        found -= struct.unpack_from("<H", boot, 11)[0]  # the copy of the boot sector, which may be missing
    return 0 if found >= HUGE >> 1 else found
