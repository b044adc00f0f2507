"""An image as bytes at offsets, each chunk fetched and proved when it is asked for.

What the image leaves free reads as zeros. For mounting, for streams, and for a look before a restore writes.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from initramfs.imaging.format.chunk import MIB, Unpacker
from initramfs.imaging.format.index import Range, State

if TYPE_CHECKING:
    from initramfs.imaging.format.manifest import Manifest
    from initramfs.imaging.format.source import ChunkSource

KEPT = 32
"""Chunks held in memory: file systems come back to the same few while they look around."""


class ImageReader:
    """Reads one image. May be used from several threads."""

    def __init__(self, image: Manifest, source: ChunkSource) -> None:
        self.image, self.size = image, image.header.size
        self._source = source
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, offset: int, length: int) -> bytes:
        """Bytes; fewer at the end. Raises Missing, Corrupt, Unavailable."""
        end = min(offset + length, self.size)
        data = bytearray(max(end - offset, 0))
        for item in self._overlapping(offset, end):
            if item.state is State.DATA:
                first, last = max(item.offset, offset), min(item.end, end)
                content = self._content(item)
                data[first - offset : last - offset] = content[first - item.offset : last - item.offset]
        return bytes(data)

    def blocks(self) -> Iterator[bytes]:
        """Everything, in order."""
        for offset in range(0, self.size, MIB):
            yield self.read(offset, MIB)

    def _overlapping(self, start: int, end: int) -> Iterator[Range]:
        index = self.image.index
        at = max(bisect_right(index, start, key=_offset) - 1, 0)
        while at < len(index) and index[at].offset < end:
            if index[at].end > start:
                yield index[at]
            at += 1

    def _content(self, item: Range) -> bytes:
        with self._lock:
            if item.digest in self._kept:
                self._kept.move_to_end(item.digest)
                return self._kept[item.digest]
        content = Unpacker().unpack(item.digest, self._source.fetch(item.digest), item.length)
        with self._lock:
            self._kept[item.digest] = content
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return content


def _offset(item: Range) -> int:
    return item.offset
