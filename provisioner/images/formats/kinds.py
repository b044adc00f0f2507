"""What the first bytes of a file say it is, where that is no disk, no file system and nothing we read.

A table of names, so that a refusal says what was found. What is in none of the tables is refused as well:
only what looks like a disk or a file system is raw.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEAD = 36 << 10
"""Bytes to look at: an ISO image names itself behind 32 KiB."""
ECRYPTFS_MARK = 0x3C81B7F5
"""See fs/ecryptfs/ecryptfs_kernel.h, MAGIC_ECRYPTFS_MARKER."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something that is known and not read: where it shows, what it is, what to do."""

    at: int
    magic: bytes
    name: str
    hint: str


RESTORE = "restore it with the program that made it, and capture that disk"
UNPACK = "unpack it, and import what is inside"
CONVERT = "make a raw file of it with a program that reads it, and import that"

FOREIGN = (
    Foreign(0, b"\0ntfsclone-image", "an image by ntfsclone", "'ntfsclone --restore-image' makes a raw file"),
    Foreign(0, b"PaRtImAgE-VoLuMe", "an image by partimage", RESTORE),
    Foreign(0, b"FsA0", "an archive by fsarchiver", RESTORE),
    Foreign(0, b"\xfe\xef\x01", "an image by Ghost", RESTORE),
    Foreign(0, b"\xce\x24\xb9\xa2", "a backup by Acronis", RESTORE),
    Foreign(0, b"\xb4\x6e\x68\x44", "a backup by Acronis", RESTORE),
    Foreign(0, b"MSWIM\0\0\0", "a WIM archive", "it holds files, no disk: apply it, and capture that disk"),
    Foreign(0, b"WLPWM\0\0\0", "a WIM archive", "it holds files, no disk: apply it, and capture that disk"),
    Foreign(0, b"LRZI", "packed by lrzip", "'lrzip -d' unpacks it"),
    Foreign(0, b"\x1f\x9d", "packed by compress", "'gzip -d' unpacks it"),
    Foreign(0, b"PK\x03\x04", "a zip archive", UNPACK),
    Foreign(0, b"PK\x05\x06", "an empty zip archive", UNPACK),
    Foreign(0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    Foreign(0, b"Rar!\x1a\x07", "a rar archive", UNPACK),
    Foreign(257, b"ustar", "a tar archive", UNPACK),
    Foreign(0, b"070701", "a cpio archive", UNPACK),
    Foreign(0, b"MSCF\0\0\0\0", "a cab archive", UNPACK),
    Foreign(0, b"xar!", "a xar archive", UNPACK),
    Foreign(0, b"hsqs", "a squashfs: files, no disk", UNPACK),
    Foreign(0, b"sqsh", "a squashfs: files, no disk", UNPACK),
    Foreign(32769, b"CD001", "an ISO image that is no disk", "install from it, and capture the result"),
    Foreign(0, b"VMA\0", "a backup by Proxmox", "'vma extract' makes raw files of it"),
    Foreign(0, b"\x3a\xff\x26\xed", "a sparse image of Android", "'simg2img' makes a raw file of it"),
    Foreign(0, b"EVF\x09\x0d\x0a\xff\0", "an image by EnCase", CONVERT),
    Foreign(0, b"# Disk DescriptorFile", "a VMDK's description, whose data lies in other files",
            "import the file with the data ('-flat.vmdk'), or make one file of it with 'qemu-img convert'"),
    Foreign(0, b"COWD", "a VMDK of an old ESX", CONVERT),
    Foreign(0, b"Salted__", "encrypted by openssl", "decrypt it first"),
    Foreign(0, b"age-encryption.org/", "encrypted by age", "decrypt it first"),
)  # fmt: skip


def foreign(head: bytes) -> Foreign | None:
    """Which of the things that are not read a file is that begins with ``head``."""
    if _is_ecryptfs(head):
        return Foreign(0, b"", "encrypted by eCryptfs", "mount it as Clonezilla does, and import from there")
    return next((kind for kind in FOREIGN if head.startswith(kind.magic, kind.at)), None)


def _is_ecryptfs(head: bytes) -> bool:
    """Behind its size, a file has a random number, and the same number with a mark laid over it."""
    if len(head) < 16 or not any(head[8:16]):  # noqa: PLR2004 - up to the mark's end
        return False
    number, marked = struct.unpack_from(">II", head, 8)
    return bool(number ^ ECRYPTFS_MARK == marked)
