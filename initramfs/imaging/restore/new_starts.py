"""Correcting what file systems say of their own place, where they were laid to another one.

Two places need it. A partition that is boot-critical itself is corrected in memory, before it is written; all
others, and copies further back, on the disk, after they were verified, and read back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from initramfs.imaging.filesystem import boot_sector
from initramfs.imaging.label.relabel import Patch
from initramfs.imaging.restore.label_edits import DiskView

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Target
    from initramfs.imaging.label.model import Reader
    from initramfs.imaging.restore.layout import Layout


def corrections(layout: Layout, read: Reader) -> Iterator[Patch]:
    """What to change on a disk that ``read`` gives, in its offsets."""
    for number in layout.relocated:
        place = layout.place(number)
        if place is None:
            continue

        def read_part(offset: int, length: int, start: int = place.start) -> bytes:
            return read(start + offset, length)

        for patch in boot_sector.corrections(read_part, place.start):
            yield Patch(place.start + patch.offset, patch.data)


def correct_on_disk(layout: Layout, target: Target) -> None:
    """Do it on the disk. May be repeated. Raises DeviceError, VerifyError."""
    view = DiskView(target, layout.sector_size)
    for patch in list(corrections(layout, view.read)):
        view.patch(patch)
