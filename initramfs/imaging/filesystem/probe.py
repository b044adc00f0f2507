"""What lies on a partition, and whether it was left in order.

Asks ``blkid`` for the type; looks itself at a few well-known bytes to see whether a
file system still has work in its journal. The map of free blocks of such a one is not to be trusted.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from initramfs.imaging.filesystem import ext
from initramfs.imaging.label.model import Reader
from initramfs.imaging.run import run

NOTHING, AMBIVALENT = 2, 8
"""blkid's exit statuses."""
EXFAT_DIRTY = 0x2
"""In VolumeFlags, see the exFAT specification, 3.1.13.2."""
CP_UMOUNT_FLAG = 0x1


@dataclass(frozen=True, slots=True)
class Found:
    """What blkid says; empty where it says nothing."""

    type: str = ""
    uuid: str = ""
    label: str = ""


def probe(path: Path, offset: int, size: int) -> Found:
    """The file system in this part of a device or file. Raises ToolError."""
    done = run(
        "blkid", "--probe", "--output", "udev", "--offset", str(offset), "--size", str(size), str(path),
        accept=(0, NOTHING, AMBIVALENT),
    )  # fmt: skip
    pairs = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    found = (pairs.get(f"ID_FS_{key}", "") for key in ("TYPE", "UUID_ENC", "LABEL_ENC"))
    return Found(*map(_decode, found))


def _decode(text: str) -> str:
    """Libblkid writes for udev what is not safe, or no UTF-8: each byte as a backslash, x and two digits."""
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), text.encode())
    return raw.decode(errors="replace")


def why_dirty(kind: str, read: Reader) -> str:
    """The reason why this file system was not left in order, or an empty text.

    ``read`` starts at the file system. NTFS and FAT are judged by partclone itself, XFS by its own tools.
    """
    match kind:
        case "ext2" | "ext3" | "ext4":
            return _ext(ext.superblock(read))
        case "btrfs":
            log_root = struct.unpack_from("<Q", read(0x10000, 4096).ljust(4096, b"\0"), 0x60)[0]
            return "its log tree must be replayed" if log_root else ""
        case "exfat":
            return "it was not unmounted" if read(106, 1)[0] & EXFAT_DIRTY else ""
        case "f2fs":
            return _f2fs(read)
        case "swsuspend":
            return "a hibernated system lies in it"
        case _:
            return ""


def _ext(superblock: ext.ExtSuper) -> str:
    if superblock.incompat & ext.RECOVER:
        return "its journal must be replayed"
    if superblock.state & ext.ERRORS:
        return "errors were found in it"
    return "" if superblock.state & ext.VALID else "it was not unmounted"


def _f2fs(read: Reader) -> str:
    """Of its two checkpoints the newer one counts. See include/linux/f2fs_fs.h.

    What was written after it is found by the next mount only, in blocks that it calls free.
    """
    superblock = read(1024, 1024).ljust(1024, b"\0")
    block, blocks_of_segment = (1 << min(shift, 20) for shift in struct.unpack_from("<II", superblock, 16))
    first = struct.unpack_from("<I", superblock, 76)[0]
    packs = [read((first + at) * block, 4096).ljust(4096, b"\0") for at in (0, blocks_of_segment)]
    newest = max(packs, key=lambda pack: struct.unpack_from("<Q", pack)[0])
    return "" if struct.unpack_from("<I", newest, 132)[0] & CP_UMOUNT_FLAG else "it was not unmounted"
