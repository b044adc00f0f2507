"""What the superblock of ext2, ext3 and ext4 says. No I/O but through a reader. See fs/ext4/ext4.h."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from initramfs.imaging.label.model import Reader

SUPER, SUPER_SIZE = 1024, 1024
VALID, ERRORS = 0x1, 0x2
"""In s_state."""
RECOVER, JOURNAL_DEVICE, WIDE = 0x4, 0x8, 0x80
"""In s_feature_incompat; the last is what mke2fs calls 64bit."""
HAS_JOURNAL, STABLE_INODES, ORPHAN_FILE = 0x4, 0x800, 0x1000
"""In s_feature_compat."""
BIGALLOC, ORPHANS = 0x200, 0x10000
"""In s_feature_ro_compat; with the last, the orphan file names files that the next mount removes."""
KNOWN_INCOMPAT, KNOWN_RO_COMPAT = 0x3E7DE, 0x1F57F
"""What libext2fs 1.47 reads, and does not change what a bit of the block bitmap means."""


@dataclass(frozen=True, slots=True)
class ExtSuper:
    """Its fields. ``blocks`` of ``block_size`` bytes; the three numbers of features are bits."""

    blocks: int
    block_size: int
    state: int
    compat: int
    incompat: int
    ro_compat: int
    journal_inode: int

    @property
    def external_journal(self) -> bool:
        """Whether its journal lies on another device."""
        return bool(self.compat & HAS_JOURNAL) and not self.journal_inode

    @property
    def bigalloc(self) -> bool:
        """Whether it allocates clusters of several blocks."""
        return bool(self.ro_compat & BIGALLOC)

    @property
    def unknown_features(self) -> int:
        """Bits of features that may change what its maps mean."""
        return self.incompat & ~KNOWN_INCOMPAT or self.ro_compat & ~KNOWN_RO_COMPAT


def superblock(read: Reader) -> ExtSuper:
    """Read it; of what is shorter, zeros."""
    raw = read(SUPER, SUPER_SIZE).ljust(SUPER_SIZE, b"\0")
    low, shift = struct.unpack_from("<I16xI", raw, 4)
    state = struct.unpack_from("<H", raw, 0x3A)[0]
    compat, incompat, ro_compat = struct.unpack_from("<III", raw, 0x5C)
    high = struct.unpack_from("<I", raw, 0x150)[0] if incompat & WIDE else 0
    inode = struct.unpack_from("<I", raw, 0xE0)[0]
    size = 1 << 10 + min(shift, 6)
    return ExtSuper(high << 32 | low, size, state, compat, incompat, ro_compat, inode)


def facts(read: Reader) -> dict[str, int | None]:
    """Its features that tools for growing and renaming stumble over."""
    found = superblock(read)
    return {
        "bigalloc": int(found.bigalloc),
        "external_journal": int(found.external_journal),
        "64bit": int(bool(found.incompat & WIDE)),
        "orphan_file": int(bool(found.compat & ORPHAN_FILE)),
        "stable_inodes": int(bool(found.compat & STABLE_INODES)),
    }
