"""What a partclone image says of itself before its content, and how long it must be. No I/O.

Version 2 of the format, little-endian, which partclone writes since 0.3 (IMAGE_FORMATS.md of its sources).
Of version 1 only the head is understood; partclone itself reads both.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAGIC = b"partclone-image"
V2 = struct.Struct("<16s14s4sH16sQQQQIIHHHHIBBI")
"""Magic, version of partclone and of the image, 0xC0DE; file system, bytes of the device, blocks of the
file system, used ones twice, bytes of a block; bytes of the options, image version, bits of the machine, kind
and bytes of checksums, blocks under one, reseed, kind of the bitmap; CRC."""
V1 = struct.Struct("<15s15s4s2sIQQQ")
"""Magic, file system, version, padding, bytes of a block, bytes of the device, blocks, used ones."""
LITTLE = 0xC0DE
BITS = 1
"""Kind of bitmap: one bit a block, and a CRC of four bytes."""
CRC = 4


@dataclass(frozen=True, slots=True)
class PartcloneHeader:
    """One image.

    Attributes:
        filesystem: as partclone names it, ``raw`` if there is none.
        device: bytes of the device that was saved, or of its file system.
        size: bytes of the file system's blocks.
        blocks: of the file system.
        block: bytes of one.
        checksum: bytes of each checksum, 0 if there are none.
        group: blocks under one checksum.
        exact: whether :meth:`length` can be told.
    """

    filesystem: str
    device: int
    size: int
    blocks: int
    block: int
    checksum: int = 0
    group: int = 0
    exact: bool = False

    @property
    def bitmap(self) -> range:
        """Where the bitmap lies in the image."""
        return range(V2.size, V2.size + -(-self.blocks // 8))

    def length(self, used: int) -> int:
        """Bytes of the image if so many blocks are in use."""
        checksums = -(-used // self.group) * self.checksum if self.group else 0
        return self.bitmap.stop + CRC + used * self.block + checksums


def read_header(head: bytes) -> PartcloneHeader | None:
    """The header at the start of an image, None if it is of a kind that only partclone may understand."""
    if len(head) < V2.size:
        return None
    if head[30:34] == b"0002" and struct.unpack_from("<H", head, 34)[0] == LITTLE:
        return _version_2(head)
    if head[30:34] == b"0001":
        _, kind, _, _, block, device, blocks, _ = V1.unpack_from(head)
        return PartcloneHeader(_text(kind), device, blocks * block, blocks, block)
    return None


def _version_2(head: bytes) -> PartcloneHeader:
    fields = V2.unpack_from(head)
    kind, device, blocks, _, _, block = fields[4:10]
    mode, checksum, group, _, bitmap = fields[13:18]
    return PartcloneHeader(
        _text(kind), device, blocks * block, blocks, block,
        checksum if mode else 0, group, exact=bitmap == BITS,
    )  # fmt: skip


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("ascii", errors="replace")
