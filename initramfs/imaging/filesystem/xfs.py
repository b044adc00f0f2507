"""What of an XFS is in use: all but what the trees of free blocks name, which every allocation group has.

No I/O but through a reader; all numbers are big-endian. For the structures see fs/xfs/libxfs/xfs_format.h.
The trees are believed only where they agree with themselves: blocks name their place, free extents are
sorted, lie in their group, and are as many as the group counts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from initramfs.imaging.errors import CaptureError
from initramfs.imaging.label.model import Reader
from initramfs.imaging.spans import Span

SUPER = struct.Struct(">4xIQQ24xQ28xII8xHH22xB")
FEATURES = 216
"""Place of sb_features_incompat in the superblock of version 5."""
KNOWN_FEATURES, NEEDS_REPAIR = 0xFF, 0x10
"""Up to parent pointers; those that follow give blocks of data other meanings (real-time groups, zones)."""
VERSION, NEWEST = 0xF, 5

AGF = struct.Struct(">4s4xIII8xI20xI")
"""Magic, group, its length, root of the tree by block, levels of it, free blocks."""
SHORT, LONG = struct.Struct(">4sHH8x"), struct.Struct(">4sHH8xQ24xI4x")
"""The head of a tree's block: magic, level, number of entries; in version 5 also its place and group."""
TREES = {SHORT: b"ABTB", LONG: b"AB3B"}
EXTENT, POINTER = struct.Struct(">II"), struct.Struct(">I")
MAX_LEVEL = 9
"""XFS_BTREE_MAXLEVELS."""
BASIC = 512
"""Bytes of what a block's place is counted in."""


@dataclass(frozen=True, slots=True)
class XfsSuper:
    """``blocks`` of ``block_size`` bytes, in ``groups`` of ``group_blocks``.

    ``log_start`` is 0 if the log lies elsewhere, ``features`` those that a reader has to know.
    """

    block_size: int
    blocks: int
    realtime_blocks: int
    log_start: int
    group_blocks: int
    groups: int
    version: int
    sector_size: int
    in_progress: bool
    features: int

    @property
    def external_log(self) -> bool:
        """Whether its log lies on another device."""
        return not self.log_start


def superblock(read: Reader) -> XfsSuper:
    """The first of them; of what is shorter, zeros."""
    raw = read(0, 512).ljust(512, b"\0")
    size, blocks, realtime, log, group, groups, version, sector, cut = SUPER.unpack_from(raw)
    version &= VERSION
    features = struct.unpack_from(">I", raw, FEATURES)[0] if version == NEWEST else 0
    return XfsSuper(size, blocks, realtime, log, group, groups, version, sector, bool(cut), features)


def facts(read: Reader) -> dict[str, int | None]:
    """What of it lies on other devices."""
    found = superblock(read)
    return {"external_log": int(found.external_log), "realtime": int(bool(found.realtime_blocks))}


def why_dirty(read: Reader) -> str:
    """What the superblock says of it; the state of the log stands in the log."""
    found = superblock(read)
    if found.features & NEEDS_REPAIR:
        return "it says that it needs repair"
    return "it was not made to its end" if found.in_progress else ""


def why_whole(read: Reader) -> str:
    """The reason why its free blocks are not to be taken for free, or an empty text."""
    found = superblock(read)
    if found.external_log:
        return "its log lies on another device, so that it cannot be seen whether it must be replayed"
    if unknown := found.features & ~KNOWN_FEATURES:
        return f"it has features that are not known here ({unknown:#x})"
    return "" if found.version in (4, NEWEST) else f"it is of version {found.version}"


def free(read: Reader) -> list[Span]:
    """The bytes that are free, sorted. ``read`` starts at the file system.

    Raises CaptureError for trees that make no sense.
    """
    found = superblock(read)
    try:
        return [span for number in range(found.groups) for span in _Group(read, found, number).free()]
    except struct.error as error:
        raise CaptureError("the xfs ends before what it says of itself") from error


class _Group:
    """One allocation group: its numbers of blocks begin with its own first one."""

    def __init__(self, read: Reader, superblock: XfsSuper, number: int) -> None:
        self._read, self._super, self._number = read, superblock, number
        self._start = number * superblock.group_blocks * superblock.block_size
        self._head = LONG if superblock.version == NEWEST else SHORT

    def free(self) -> Iterator[Span]:
        header = self._read(self._start + self._super.sector_size, AGF.size)
        magic, number, length, root, levels, expected = AGF.unpack(header)
        if magic != b"XAGF" or number != self._number or not 0 < levels <= MAX_LEVEL:
            raise self._broken("has no header")
        if length > self._super.group_blocks:
            raise self._broken(f"has {length} blocks")
        end = count = 0
        size = self._super.block_size
        for start, blocks in self._extents(root, levels - 1):
            if start < end or not blocks or start + blocks > length:
                raise self._broken("names free blocks that overlap or lie outside of it")
            end, count = start + blocks, count + blocks
            yield self._start + start * size, self._start + end * size
        if count != expected:
            raise self._broken(f"counts {expected} free blocks and names {count}")

    def _extents(self, block: int, level: int) -> Iterator[tuple[int, int]]:
        """Start and number of free blocks, in the order of the tree."""
        size = self._super.block_size
        at = self._start + block * size
        data = self._read(at, size)
        magic, own, count, *place = self._head.unpack_from(data)
        if magic != TREES[self._head] or own != level or place not in ([], [at // BASIC, self._number]):
            raise self._broken(f"has no node of a tree in block {block}")
        first = self._head.size
        if not level:
            yield from EXTENT.iter_unpack(data[first : first + count * EXTENT.size])
            return
        pointers = first + (size - first) // (EXTENT.size + POINTER.size) * EXTENT.size
        for (child,) in POINTER.iter_unpack(data[pointers : pointers + count * POINTER.size]):
            yield from self._extents(child, level - 1)

    def _broken(self, what: str) -> CaptureError:
        return CaptureError(f"allocation group {self._number} of the xfs {what}", "xfs_repair -n tells more")
