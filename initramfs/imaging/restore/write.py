"""One chunk's way from the source to the target: fetch, decompress, prove, write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from initramfs.imaging.device.device import allocate
from initramfs.imaging.format.chunk import DEFAULT_CHUNK, Unpacker

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Target
    from initramfs.imaging.format.source import ChunkSource
    from initramfs.imaging.restore.layout import Extent
    from initramfs.imaging.restore.outcome import Tally


class Writer:
    """Writes extents. Belongs to one thread; holds one chunk in memory."""

    def __init__(self, source: ChunkSource, target: Target, tally: Tally) -> None:
        self._source, self._target, self._tally = source, target, tally
        self._unpacker = Unpacker()
        self._buffer = allocate(DEFAULT_CHUNK)

    def fetch(self, extent: Extent, room: memoryview) -> None:
        """The content of a data extent, proved, into memory of its length.

        Raises Missing, Unavailable, and Corrupt; what ``room`` then holds is proved by nobody.
        """
        digest = extent.digest or b""
        data = self._source.fetch(digest)
        self._tally.add(extent.image, chunks_fetched=1, bytes_fetched=len(data))
        self._unpacker.unpack_into(digest, data, room)

    def put(self, extent: Extent) -> None:
        """Bring one extent onto the target. Raises ChunkError before, DeviceError while writing."""
        if extent.digest is None:
            self._target.zero(extent.offset, extent.length)
            self._tally.add(extent.image, bytes_zeroed=extent.length)
            return
        if extent.length > len(self._buffer):
            self._buffer = allocate(extent.length)
        view = self._buffer[: extent.length]
        self.fetch(extent, view)
        self._target.write(view, extent.offset)
        self._tally.add(extent.image, bytes_written=extent.length)
