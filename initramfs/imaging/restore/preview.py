"""What a target will hold, read from the images before anything is written.

So that what cannot start, or cannot be changed, is refused while the disk is as it was. Chunks are fetched
and proved one by one: for tables and folders, not for streams.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from initramfs.imaging.device.device import allocate
from initramfs.imaging.format.chunk import Unpacker

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Device
    from initramfs.imaging.format.source import ChunkSource
    from initramfs.imaging.restore.layout import Extent, Layout

KEPT = 16
"""Chunks held in memory: folders come back to the same few."""


class Preview:
    """Reads what ``layout`` will make of ``target``."""

    def __init__(self, layout: Layout, source: ChunkSource, target: Device) -> None:
        self._layout, self._source, self._target = layout, source, target
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()

    def read(self, offset: int, length: int) -> bytes:
        """Bytes; fewer at the end. What no image covers stays as it is, or is zeros on a whole disk.

        Raises Missing, Corrupt, Unavailable, DeviceError.
        """
        end = min(offset + length, self._layout.target_size)
        if offset >= end:
            return b""
        data = bytearray(end - offset if self._layout.whole else self._target.read(offset, end - offset))
        for extent in self._layout.extents(offset, end):
            first, last = max(extent.offset, offset), min(extent.end, end)
            data[first - offset : last - offset] = self._content(extent)[
                first - extent.offset : last - extent.offset
            ]
        return bytes(data)

    def _content(self, extent: Extent) -> bytes | memoryview:
        if extent.digest is None:
            return allocate(extent.length)
        if extent.digest not in self._kept:
            chunk = Unpacker().unpack(extent.digest, self._source.fetch(extent.digest), extent.length)
            self._kept[extent.digest] = bytes(chunk)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[extent.digest]
