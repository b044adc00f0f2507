"""What lies on a partition, and whether it was left in order.

Asks ``blkid`` for the type; looks itself at a few well-known bytes to see whether a
file system still has work in its journal. The map of free blocks of such a one is not to be trusted.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from initramfs.imaging.filesystem import ext, hfsplus, xfs
from initramfs.imaging.label.model import Reader
from initramfs.imaging.run import run

NOTHING, AMBIVALENT = 2, 8
"""blkid's exit statuses."""
EXFAT_DIRTY = 0x2
"""In VolumeFlags, see the exFAT specification, 3.1.13.2."""
CP_UMOUNT_FLAG = 0x1


@dataclass(frozen=True, slots=True)
class Found:
    """What blkid says; empty where it says nothing.

    Attributes:
        usage: ``filesystem``, ``raid`` (volume managers too), ``crypto`` or ``other``.
        ambivalent: signatures of several kinds are there, and none is told.
    """

    type: str = ""
    uuid: str = ""
    label: str = ""
    usage: str = ""
    ambivalent: bool = False


def probe(path: Path, offset: int, size: int) -> Found:
    """The file system in this part of a device or file. Raises ToolError."""
    done = run(
        "blkid", "--probe", "--output", "udev", "--offset", str(offset), "--size", str(size), str(path),
        accept=(0, NOTHING, AMBIVALENT),
    )  # fmt: skip
    pairs = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    kind, uuid, label, usage = (
        _decode(pairs.get(f"ID_FS_{key}", "")) for key in ("TYPE", "UUID_ENC", "LABEL_ENC", "USAGE")
    )
    return Found(kind, uuid, label, usage, done.returncode == AMBIVALENT)


def _decode(text: str) -> str:
    """Libblkid writes for udev what is not safe, or no UTF-8: each byte as a backslash, x and two digits."""
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), text.encode())
    return raw.decode(errors="replace")


def why_dirty(kind: str, read: Reader) -> str:
    """The reason why this file system was not left in order, or an empty text.

    ``read`` starts at the file system. NTFS and FAT are judged by partclone itself, the log of an XFS by its
    own tools.
    """
    judge = _JUDGES.get(kind)
    return judge(read) if judge else ""


_STATES: Mapping[str, tuple[int, str, int]] = {
    "jfs": (0x8000 + 40, "<I", 0),  # s_state, FM_CLEAN: fs/jfs/jfs_superblock.h, jfs_filsys.h
    "nilfs2": (1024 + 116, "<H", 1),  # s_state, NILFS_VALID_FS: uapi/linux/nilfs2_ondisk.h
    "reiserfs": (0x10000 + 50, "<H", 1),  # s_umount_state, REISERFS_VALID_FS: fs/reiserfs/reiserfs.h
}
"""Where a file system says that it was unmounted, in which shape, with which number."""


def _by_state(kind: str, read: Reader) -> str:
    place, shape, clean = _STATES[kind]
    state = struct.unpack(shape, read(place, struct.calcsize(shape)))[0]
    return "" if state == clean else "it was not unmounted, or errors were found in it"


def _btrfs(read: Reader) -> str:
    log_root = struct.unpack_from("<Q", read(0x10000, 4096).ljust(4096, b"\0"), 0x60)[0]
    return "its log tree must be replayed" if log_root else ""


def _exfat(read: Reader) -> str:
    return "it was not unmounted" if read(106, 1)[0] & EXFAT_DIRTY else ""


def _ext(read: Reader) -> str:
    superblock = ext.superblock(read)
    if superblock.incompat & ext.RECOVER:
        return "its journal must be replayed"
    if superblock.ro_compat & ext.ORPHANS:
        return "files that were removed while in use wait for its next mount"
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


_JUDGES: Mapping[str, Callable[[Reader], str]] = {
    **dict.fromkeys(("ext2", "ext3", "ext4"), _ext),
    **{kind: partial(_by_state, kind) for kind in _STATES},
    "btrfs": _btrfs,
    "exfat": _exfat,
    "f2fs": _f2fs,
    "hfsplus": hfsplus.why_dirty,
    "xfs": xfs.why_dirty,
    "swsuspend": lambda _read: "a hibernated system lies in it",
}
"""By blkid's name."""
