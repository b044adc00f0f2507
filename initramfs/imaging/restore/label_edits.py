"""Making a layout's edits of its label: in what the boot-critical regions will hold, and on the disk.

The regions' content is still in memory. The records of logical partitions lie between partitions: they are
changed on the disk, after they were verified, and read back. A GPT that is moved to the disk's end is edited
before, with what it moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from initramfs.imaging.device.device import allocate, content_of
from initramfs.imaging.errors import VerifyError
from initramfs.imaging.label.relabel import Patch, relabel
from initramfs.imaging.restore.extent_io import ReadBack

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Target
    from initramfs.imaging.restore.layout import BootCriticalRegion, Layout

Contents = Iterable[tuple["BootCriticalRegion", bytearray]]
"""Boot-critical regions, and what they will hold."""


def make_edits(layout: Layout, target: Target, contents: Contents) -> None:
    """Make the edits of a label that is not moved, once what lies outside of the regions has been verified.

    May be repeated. Raises LabelError, DeviceError, VerifyError.
    """
    if layout.label is None or layout.relocate or not layout.whole:
        return
    view = DiskView(target, layout.sector_size, list(contents))
    for patch in relabel(view.read, layout.label, layout.sector_size, layout.edits):
        view.patch(patch)


class DiskView:
    """The disk as it will be: with ``contents`` in boot-critical regions that are not written yet."""

    def __init__(
        self,
        target: Target,
        sector_size: int,
        contents: Sequence[tuple[BootCriticalRegion, bytearray]] = (),
    ) -> None:
        self._target, self._sector_size, self._contents = target, sector_size, contents

    def read(self, offset: int, length: int) -> bytes:
        """The regions' content where one is, else what the disk holds."""
        data = bytearray(self._sectors(offset, length))
        for region, content in self._contents:
            low, high = max(offset, region.start), min(offset + length, region.end)
            if low < high:
                data[low - offset : high - offset] = content[low - region.start : high - region.start]
        return bytes(data)

    def patch(self, patch: Patch) -> None:
        """Change it. No patch lies across the border of a region."""
        for region, content in self._contents:
            if region.start <= patch.offset < region.end:
                at = patch.offset - region.start
                content[at : at + len(patch.data)] = patch.data
                return
        first = patch.offset - patch.offset % self._sector_size
        sector = bytearray(self._sectors(first, self._sector_size))
        sector[patch.offset - first : patch.offset - first + len(patch.data)] = patch.data
        self._target.write(content_of(sector), first)
        self._target.flush()
        if not ReadBack(self._target).equals(first, sector):
            raise VerifyError(
                f"{self._target.path}: the sector at {first} reads back different",
                "the disk does not keep what is written to it: replace it",
            )

    def _sectors(self, offset: int, length: int) -> bytes:
        step = self._sector_size
        first, last = offset - offset % step, min(-(-(offset + length) // step) * step, self._target.size)
        buffer = allocate(max(last - first, 0))
        self._target.read_into(buffer, first)
        return bytes(buffer[offset - first : offset - first + length])
