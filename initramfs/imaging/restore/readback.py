"""Asking the disk what it holds: the proof after writing, and the question before a delta.

Everything goes through the target's ``read_into``, which bypasses the page cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from initramfs.imaging.device.device import allocate
from initramfs.imaging.format.chunk import MIB, digest_of, is_zero

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Target
    from initramfs.imaging.restore.layout import Extent


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
