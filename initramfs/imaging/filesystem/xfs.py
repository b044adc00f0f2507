"""What the superblock of an XFS says. No I/O but through a reader.

See fs/xfs/libxfs/xfs_format.h; big-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from initramfs.imaging.label.model import Reader


@dataclass(frozen=True, slots=True)
class XfsSuper:
    """Blocks of ``block_size`` bytes; ``log_start`` is 0 if the log lies elsewhere."""

    block_size: int
    blocks: int
    realtime_blocks: int
    log_start: int

    @property
    def external_log(self) -> bool:
        """Whether its log lies on another device."""
        return not self.log_start


def superblock(read: Reader) -> XfsSuper:
    """The first of them; of what is shorter, zeros."""
    return XfsSuper(*struct.unpack_from(">4xIQQ24xQ", read(0, 512).ljust(512, b"\0")))


def facts(read: Reader) -> dict[str, int | None]:
    """What of it lies on other devices."""
    found = superblock(read)
    return {"external_log": int(found.external_log), "realtime": int(bool(found.realtime_blocks))}
