"""Where Btrfs keeps second copies on one device (its profile DUP, the usual one for metadata).

No I/O. partclone's map of used blocks names the first copies only; the chunk tree tells where the others are
(fs/btrfs: ``struct btrfs_chunk`` in uapi/linux/btrfs_tree.h). Without them a restored file system
has nothing to repair itself with, and a scrub finds an old disk's bytes.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from initramfs.agent.disk.domain import Span
from initramfs.agent.disk.errors import CaptureError
from initramfs.agent.disk.label import Reader

SUPER, SUPER_SIZE = 0x10000, 4096
CHUNK_ROOT = struct.Struct("<Q")
NUMBER = struct.Struct("<I")
DEVICES = struct.Struct("<Q")
SYSTEM_SIZE, SYSTEM = 0xA0, 0x32B
"""The superblock's copy of those chunks in which the chunk tree lies: its size, and where it is."""

HEADER = struct.Struct("<48xQ40xIB")
"""Of a node: its address, number of items, level."""
POINTER = struct.Struct("<17xQ8x")
ITEM = struct.Struct("<8xBQII")
"""Of a leaf: the key's type and offset, where the item lies behind the header, its size."""
KEY = struct.Struct("<9xQ")
CHUNK = struct.Struct("<Q16xQ12xH2x")
"""Length, type, number of stripes."""
STRIPE = struct.Struct("<8xQ16x")
CHUNK_ITEM = 228
DUP = 1 << 5
MAX_LEVEL = 8


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of the address space, and where on the device its copies begin."""

    address: int
    length: int
    profile: int
    places: tuple[int, ...]


def devices(read: Reader) -> int:
    """How many devices the file system whose superblock ``read`` gives is made of."""
    return int(DEVICES.unpack_from(_superblock(read), 0x88)[0])


def copies(read: Reader, used: Sequence[Span]) -> list[Span]:
    """The other copies of what is ``used`` (sorted). ``read`` starts at the file system, of one device.

    Raises CaptureError for a chunk tree that cannot be read.
    """
    try:
        chunks = [chunk for chunk in _chunks(read) if chunk.profile & DUP]
    except struct.error as error:
        raise CaptureError(f"the btrfs has a chunk tree that makes no sense: {error}") from error
    return [
        (start + there - here, end + there - here)
        for chunk in chunks
        for here in chunk.places
        for there in chunk.places
        if here != there
        for start, end in _within(used, here, here + chunk.length)
    ]


def _within(spans: Sequence[Span], first: int, last: int) -> Iterator[Span]:
    low = bisect_right(spans, first, key=lambda span: span[1])
    high = bisect_left(spans, last, low, key=lambda span: span[0])
    for start, end in spans[low:high]:
        yield max(start, first), min(end, last)


def _chunks(read: Reader) -> Iterator[Chunk]:
    superblock = _superblock(read)
    system = list(_system(superblock[SYSTEM : SYSTEM + NUMBER.unpack_from(superblock, SYSTEM_SIZE)[0]]))
    size = NUMBER.unpack_from(superblock, 0x94)[0]

    def walk(address: int, level: int) -> Iterator[Chunk]:
        node = read(_place(system, address), size)
        own, count, own_level = HEADER.unpack_from(node)
        if own != address or own_level >= level:
            raise CaptureError(f"the btrfs has no node of its chunk tree at address {address}")
        for number in range(count):
            if own_level:
                child = POINTER.unpack_from(node, HEADER.size + number * POINTER.size)[0]
                yield from walk(child, own_level)
                continue
            kind, start, at, _ = ITEM.unpack_from(node, HEADER.size + number * ITEM.size)
            if kind == CHUNK_ITEM:
                yield _chunk(start, node, HEADER.size + at)

    yield from walk(CHUNK_ROOT.unpack_from(superblock, 0x58)[0], MAX_LEVEL)


def _superblock(read: Reader) -> bytes:
    return read(SUPER, SUPER_SIZE).ljust(SUPER_SIZE, b"\0")


def _system(array: bytes) -> Iterator[Chunk]:
    at = 0
    while at < len(array):
        chunk = _chunk(KEY.unpack_from(array, at)[0], array, at + KEY.size)
        yield chunk
        at += KEY.size + CHUNK.size + len(chunk.places) * STRIPE.size


def _chunk(address: int, data: bytes, at: int) -> Chunk:
    length, profile, count = CHUNK.unpack_from(data, at)
    places = [STRIPE.unpack_from(data, at + CHUNK.size + n * STRIPE.size)[0] for n in range(count)]
    return Chunk(address, length, profile, tuple(places))


def _place(chunks: Sequence[Chunk], address: int) -> int:
    for chunk in chunks:
        if chunk.address <= address < chunk.address + chunk.length:
            return chunk.places[0] + address - chunk.address
    raise CaptureError(f"the btrfs has no chunk for address {address}")
