"""What decides later what can be done with a file system: whether it grows, where a root lies in it.

Recorded in the manifest, so that a restore knows it before the first write. Each fact is a number; one that
cannot be told is left out. Reads superblocks and a few well-known places through a reader that starts at the
file system; starts no tool, and judges nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final

from initramfs.imaging.errors import DiskError
from initramfs.imaging.filesystem import btrfs, ext, ntfs, xfs
from initramfs.imaging.label.model import Reader

Facts = dict[str, int]

F2FS_SUPER, F2FS_DEVICES, F2FS_DEVICE, F2FS_MOST = 1024, 2201, 68, 8
"""Where the superblock and its table of devices lie, an entry's size: include/linux/f2fs_fs.h."""


def facts_of(kind: str, read: Reader) -> Facts | None:
    """The facts of ``kind`` (blkid's name); None if none are known for it, or its structures are broken."""
    look = _LOOKS.get(kind)
    if look is None:
        return None
    try:
        return {name: value for name, value in look(read).items() if value is not None}
    except (DiskError, struct.error, IndexError, RecursionError):
        return None  # kept whole by force: nothing of it is to be believed


def _f2fs(read: Reader) -> Mapping[str, int | None]:
    table = read(F2FS_SUPER + F2FS_DEVICES, F2FS_DEVICE * F2FS_MOST)
    return {"devices": max(1, sum(bool(table[at]) for at in range(0, len(table), F2FS_DEVICE)))}


_LOOKS: Final[Mapping[str, Callable[[Reader], Mapping[str, int | None]]]] = {
    "ext2": ext.facts,
    "ext3": ext.facts,
    "ext4": ext.facts,
    "ntfs": lambda read: {"bad_clusters": ntfs.bad_clusters(read)},
    "xfs": xfs.facts,
    "btrfs": btrfs.facts,
    "f2fs": _f2fs,
}
"""By blkid's name. Their names and meanings stand in docs/dev/image-format.md, too."""
