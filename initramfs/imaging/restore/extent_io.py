"""One extent's way onto the target (fetch, unpack, prove, write), and the proof that it is there.

Reading back goes through the target's ``read_into``, which bypasses the page cache. It is the proof after
writing, and the question before a delta.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from initramfs.imaging.device.device import allocate
from initramfs.imaging.format.chunk import DEFAULT_CHUNK, MIB, Unpacker, digest_of, is_zero

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Target
    from initramfs.imaging.format.source import ChunkSource
    from initramfs.imaging.restore.counts import Tally
    from initramfs.imaging.restore.layout import Extent


class Writer:
    """Fetches, unpacks, proves and writes extents. Belongs to one thread; holds one chunk in memory."""

    def __init__(self, source: ChunkSource, target: Target, tally: Tally) -> None:
        self._source, self._target, self._tally = source, target, tally
        self._unpacker = Unpacker()
        self._buffer = allocate(DEFAULT_CHUNK)

    def fetch(self, extent: Extent, room: memoryview) -> None:
        """The content of a data extent, proved, into memory of its length.

        Raises Missing, Unavailable, and Corrupt: ``room`` may then hold anything.
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


class ReadBack:
    """Compares extents with what the target holds. Belongs to one thread."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._buffer = allocate(MIB)

    def matches(self, extent: Extent) -> bool:
        """Whether the target holds exactly this extent. Raises DeviceError."""
        if extent.digest is None:
            return self._all_zero(extent)
        return digest_of(self._read(extent.offset, extent.length)) == extent.digest

    def equals(self, offset: int, content: bytes | bytearray) -> bool:
        """Whether the target holds ``content`` at ``offset``. Raises DeviceError."""
        return bytes(self._read(offset, len(content))) == content

    def _all_zero(self, extent: Extent) -> bool:
        return all(
            is_zero(self._read(offset, min(MIB, extent.end - offset)))
            for offset in range(extent.offset, extent.end, MIB)
        )

    def _read(self, offset: int, length: int) -> memoryview:
        if length > len(self._buffer):
            self._buffer = allocate(length)
        view = self._buffer[:length]
        self._target.read_into(view, offset)
        return view
