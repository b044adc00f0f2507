"""Which bytes of a layout are written last: what makes a disk start, or a partition mount. Pure.

They are wiped first, so that nothing that is half written starts or mounts;
:mod:`~initramfs.imaging.restore.boot_critical` does both.
"""

from __future__ import annotations

from collections.abc import Mapping

from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.label.model import Bounds, PartitionNumber
from initramfs.imaging.restore.layout import BootCriticalRegion, Layout

CRITICAL = MIB
"""Bytes of a boot-critical region, before it is grown or cut."""


def regions_of_disk(layout: Layout) -> tuple[BootCriticalRegion, ...]:
    """The first MiB up to the first partition, and what follows the last one in the last MiB.

    Disks made of an ISO image have a partition that begins with sector 0: its first MiB is the head.
    """
    areas = layout.label.areas if layout.label is not None else ()
    size = layout.target_size
    head = _around_chunks(layout, 0, min([CRITICAL, size, *(area.start for area in areas if area.start)]))
    behind = max([head.end, size - CRITICAL, *(area.end for area in areas)])
    tail = _around_chunks(layout, behind, size)
    return (head, tail) if tail.start < tail.end else (head,)


def regions_of_partitions(
    layout: Layout, places: Mapping[PartitionNumber, Bounds], sizes: Mapping[PartitionNumber, int]
) -> tuple[BootCriticalRegion, ...]:
    """The first MiB of each partition, or all of an image of fewer bytes than that (``sizes``)."""
    regions = [
        _around_chunks(layout, place.start, place.start + min(CRITICAL, sizes[number], place.size))
        for number, place in places.items()
    ]
    return tuple(sorted(regions, key=lambda region: region.start))


def _around_chunks(layout: Layout, start: int, end: int) -> BootCriticalRegion:
    """A region, grown until no chunk lies across its border."""
    across = [e for e in layout.extents(start, end) if e.digest is not None] if start < end else []
    return BootCriticalRegion(min([start, *(e.offset for e in across)]), max([end, *(e.end for e in across)]))
