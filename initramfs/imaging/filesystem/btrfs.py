"""What of a Btrfs on one device is in use, as its own extent tree says; which device and subvolume it is.

No I/O. partclone's map is a beginning: it names the first copies only (metadata has two, in the usual profile
DUP), and not always all blocks of metadata. A restored file system would have an old disk's bytes there.
For the structures see uapi/linux/btrfs_tree.h.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from initramfs.imaging.errors import CaptureError
from initramfs.imaging.label.model import Reader
from initramfs.imaging.spans import Span

SUPER, SUPER_SIZE = 0x10000, 4096
ADDRESS, NUMBER = struct.Struct("<Q"), struct.Struct("<I")
ROOT, CHUNK_ROOT, DEVICES, NODE_SIZE, SYSTEM_SIZE, DEVICE, SYSTEM = 0x50, 0x58, 0x88, 0x94, 0xA0, 0xC9, 0x32B
"""Places in the superblock. The last is its copy of those chunks in which the chunk tree lies."""

HEADER = struct.Struct("<48xQ40xIB")
"""Of a node: its address, number of items, level."""
POINTER = struct.Struct("<17xQ8x")
ITEM = struct.Struct("<QBQII")
"""Of a leaf: the key, where the item lies behind the header, its size."""
KEY = struct.Struct("<9xQ")
CHUNK = struct.Struct("<Q16x8x12xH2x")
"""Length, number of stripes."""
STRIPE = struct.Struct("<8xQ16x")
CHUNK_ITEM, ROOT_ITEM, EXTENT_ITEM, METADATA_ITEM, DIR_ITEM = 228, 132, 168, 169, 84
EXTENT_TREE, TOP_LEVEL, ROOT_FOLDER = 2, 5, 6
"""Trees, and the folder in the tree of roots that names the default one."""
NAME_LENGTH, NAME = 27, 30
"""Places in a folder's item."""
ROOT_ADDRESS = 176
"""Where a root item tells the tree's root."""
MAX_LEVEL, MAX_NODE = 8, 1 << 16
FEATURES, KNOWN_FEATURES = 0xBC, 0xFFF
"""Place in the superblock of what a reader has to know; those known change nothing of the extent tree."""

Item = tuple[int, int, int, bytes]
"""A key's object, type and offset, and the item."""


@dataclass(frozen=True, slots=True)
class MappedChunk:
    """A part of the address space, and where on the device its copies begin."""

    address: int
    length: int
    places: tuple[int, ...]

    @property
    def end(self) -> int:
        """The first address behind."""
        return self.address + self.length


def devices(read: Reader) -> int:
    """How many devices the file system whose superblock ``read`` gives is made of."""
    return _field(_superblock(read), DEVICES)


def unknown_features(read: Reader) -> int:
    """Bits of features that may change what the trees mean (extent tree v2, zones, stripes of their own)."""
    return _field(_superblock(read), FEATURES) & ~KNOWN_FEATURES


def device_number(read: Reader) -> int:
    """The number of the device whose superblock ``read`` gives."""
    return _field(_superblock(read), DEVICE)


def facts(read: Reader) -> dict[str, int | None]:
    """How many devices it has, which of them this is, the tree that is mounted by default (5: the top).

    Raises CaptureError.
    """
    superblock = _superblock(read)
    count, number = _field(superblock, DEVICES), device_number(read)
    return {"devices": count, "devid": number, "default_subvolume": _default(read) if count == 1 else None}


def _default(read: Reader) -> int:
    roots, trees = _roots(read)
    for folder, kind, _, item in trees.items(roots):
        length = struct.unpack_from("<H", item, NAME_LENGTH)[0] if kind == DIR_ITEM else 0
        if folder == ROOT_FOLDER and item[NAME : NAME + length] == b"default":
            return _field(item, 0)
    return TOP_LEVEL


def extents(read: Reader) -> list[Span]:
    """All that is allocated, in all copies, in no order. ``read`` starts at the file system, of one device.

    Raises CaptureError for trees that cannot be read.
    """
    try:
        return list(_extents(read))
    except (struct.error, RecursionError) as error:
        raise CaptureError(f"the btrfs has a tree that makes no sense: {error}") from error


def _extents(read: Reader) -> Iterator[Span]:
    roots, trees = _roots(read)
    for tree, kind, _, item in trees.items(roots):
        if (tree, kind) == (EXTENT_TREE, ROOT_ITEM):
            yield from trees.spans(_allocated(trees.items(_field(item, ROOT_ADDRESS)), trees.node_size))
            return
    raise CaptureError("the btrfs has no extent tree")


def _roots(read: Reader) -> tuple[int, _Trees]:
    """The address of the tree of roots, and what finds trees by their addresses."""
    superblock = _superblock(read)
    size = min(NUMBER.unpack_from(superblock, NODE_SIZE)[0], MAX_NODE)
    array = superblock[SYSTEM : SYSTEM + NUMBER.unpack_from(superblock, SYSTEM_SIZE)[0]]
    found = _Trees(read, size, list(_system(array))).items(_field(superblock, CHUNK_ROOT))
    chunks = [_chunk(at, item, 0) for _, kind, at, item in found if kind == CHUNK_ITEM]
    return _field(superblock, ROOT), _Trees(read, size, chunks)


def _allocated(items: Iterable[Item], node_size: int) -> Iterator[Span]:
    """Addresses, joined where they touch."""
    start = end = 0
    for address, kind, length, _ in items:
        if kind not in (EXTENT_ITEM, METADATA_ITEM):
            continue
        if address != end:
            yield start, end
            start = address
        end = address + (length if kind == EXTENT_ITEM else node_size)
    yield start, end


class _Trees:
    """Trees of ``node_size`` bytes a node, in these chunks."""

    def __init__(self, read: Reader, node_size: int, chunks: list[MappedChunk]) -> None:
        self._read, self.node_size = read, node_size
        self._chunks = sorted(chunks, key=lambda chunk: chunk.address)

    def items(self, address: int, above: int = MAX_LEVEL) -> Iterator[Item]:
        """What the tree with this root holds, in the order of the keys."""
        node = self._read(next(iter(self.spans([(address, address + self.node_size)])))[0], self.node_size)
        own, count, level = HEADER.unpack_from(node)
        if own != address or level >= above:
            raise CaptureError(f"the btrfs has no node of a tree at address {address}")
        for number in range(count):
            if level:
                child = POINTER.unpack_from(node, HEADER.size + number * POINTER.size)[0]
                yield from self.items(child, level)
            else:
                *key, at, size = ITEM.unpack_from(node, HEADER.size + number * ITEM.size)
                yield (*key, node[HEADER.size + at : HEADER.size + at + size])

    def spans(self, addresses: Iterable[Span]) -> Iterator[Span]:
        """Where on the device they lie, in all copies."""
        for start, end in addresses:
            at = start
            while at < end:
                chunk = self._chunk_of(at)
                stop = min(end, chunk.end)
                yield from (
                    (place + at - chunk.address, place + stop - chunk.address) for place in chunk.places
                )
                at = stop

    def _chunk_of(self, address: int) -> MappedChunk:
        number = bisect_right(self._chunks, address, key=lambda chunk: chunk.address) - 1
        if number < 0 or address >= self._chunks[number].end or not self._chunks[number].places:
            raise CaptureError(f"the btrfs has no chunk for address {address}")
        return self._chunks[number]


def _superblock(read: Reader) -> bytes:
    return read(SUPER, SUPER_SIZE).ljust(SUPER_SIZE, b"\0")


def _field(data: bytes, at: int) -> int:
    return int(ADDRESS.unpack_from(data, at)[0])


def _system(array: bytes) -> Iterator[MappedChunk]:
    at = 0
    while at < len(array):
        chunk = _chunk(KEY.unpack_from(array, at)[0], array, at + KEY.size)
        yield chunk
        at += KEY.size + CHUNK.size + len(chunk.places) * STRIPE.size


def _chunk(address: int, data: bytes, at: int) -> MappedChunk:
    length, count = CHUNK.unpack_from(data, at)
    places = [STRIPE.unpack_from(data, at + CHUNK.size + n * STRIPE.size)[0] for n in range(count)]
    return MappedChunk(address, length, tuple(places))
