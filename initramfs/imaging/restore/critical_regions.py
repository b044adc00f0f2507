"""Which bytes of a layout are written last: what makes a disk start, or a partition mount. Pure.

They are wiped first, so that nothing that is half written starts or mounts;
:mod:`~initramfs.imaging.restore.boot_critical` does both.
"""

from __future__ import annotations

from collections.abc import Mapping

from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.label.model import Bounds, PartitionNumber
from initramfs.imaging.restore.layout import BootCriticalRegion, Layout
from initramfs.imaging.restore.look_ahead import Table

CRITICAL = MIB
"""Bytes of a boot-critical region, before it is grown or cut."""
MOST = 64 * MIB
"""Boot-critical regions are held in memory: a GPT whose entries lie behind this cannot be moved."""


def regions_of_disk(layout: Layout, table: Table | None = None) -> tuple[BootCriticalRegion, ...]:
    """The first MiB up to the first partition, and what follows the last one in the last MiB.

    Disks made of an ISO image have a partition that begins with sector 0: its first MiB is the head. A GPT's
    ``table`` whose entries lie further back is head too, and a large backup tail.
    """
    areas = layout.label.areas if layout.label is not None else ()
    size = layout.target_size
    end = table.end if table is not None and CRITICAL < table.end <= MOST else CRITICAL
    head = _around_chunks(layout, 0, min([end, size, *(area.start for area in areas if area.start)]))
    backup = max(CRITICAL, table.backup if table is not None else 0)
    behind = max([head.end, size - backup, *(area.end for area in areas)])
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
