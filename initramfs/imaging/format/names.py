"""What an image's name says of its kind: CloneSys names begin with the device, ``sda5_WinNTEdu``.

No I/O. An image is of a whole disk or of one partition, for good: its name and its first generation say
which, and whatever adds a generation asks here.
"""

from __future__ import annotations

import re

from initramfs.imaging.format.header import Kind

DEVICE = re.compile(r"((?:sd|hd|vd|xvd)[a-z]+|(?:nvme\d+n|mmcblk)\d+(?=p|_)|disk)p?(\d*)_.+", re.ASCII)


def partition_of(name: str) -> int | None:
    """The partition's number that a CloneSys-style name tells: 5 for ``sda5_Debian``, None for others."""
    match = DEVICE.fullmatch(name)
    return int(match[2]) if match and match[2] else None


def is_of_disk(name: str) -> bool:
    """Whether a name tells of a whole device: ``sda_InitClone``."""
    match = DEVICE.fullmatch(name)
    return bool(match and not match[2])


def why_other_kind(name: str, kind: Kind, first: Kind | None = None, *, part: bool = False) -> str:
    """Why an image of ``kind`` cannot get this name; an empty text if it can.

    ``first`` is the kind of its first generation. ``part``: it is known to be a part of a disk; else an image
    of the kind partition may be a whole device without a table.
    """
    number = partition_of(name)
    if kind is Kind.DISK and number is not None:
        return f"{name} is a name for partition {number}, and this is a whole disk"
    if part and is_of_disk(name):
        return f"{name} is a name for a whole disk, and this is a partition"
    if first is not None and kind is not first:
        return f"{name} is the image of a {first}, and this is a {kind}"
    return ""


HINT = (
    "name the partition that is meant, or give it another name: "
    "sda5_Debian for a partition, sda_Golden for a disk"
)
