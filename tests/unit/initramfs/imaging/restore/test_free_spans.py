"""What may be discarded: nothing that an image or a boot-critical region covers."""

from __future__ import annotations

from initramfs.imaging.format.header import Header, Kind
from initramfs.imaging.format.index import Range, State
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.model import Partition
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.layout import DISCARD_GRAIN, free_spans
from initramfs.imaging.spans import subtract
from tests.images.in_memory import MIB, signed
from tests.images.labels import mbr

DIGEST = b"\1" * 32
LABEL = mbr(Partition(1, MIB, 40 * MIB, "83"), Partition(2, 41 * MIB, 20 * MIB, "83"))


def image(kind: Kind, size: int, *spans: tuple[int, int]) -> Manifest:
    """An image with data in these places."""
    ranges = [Range(start, end - start, State.DATA, DIGEST) for start, end in spans]
    label = LABEL if kind is Kind.DISK else None
    return signed(Header("sda1_Test", 1, kind, 512, size, MIB, label=label), ranges)


DISK = image(Kind.DISK, 64 * MIB, (0, MIB), (MIB, 2 * MIB), (5 * MIB + 512, 6 * MIB), (41 * MIB, 42 * MIB))
PART = image(Kind.PARTITION, 40 * MIB, (0, MIB), (8 * MIB, 8 * MIB + 512), (39 * MIB, 40 * MIB))


def test_of_a_disk_all_is_free_that_nothing_covers() -> None:
    """Also behind the image, up to the region at the end."""
    spans = list(free_spans(compose(target_size=100 * MIB, sector_size=512, disk=DISK)))
    assert spans == [(2 * MIB, 5 * MIB), (6 * MIB, 41 * MIB), (42 * MIB, 99 * MIB)]


def test_what_is_covered_twice_is_not_free() -> None:
    """A region is larger than the chunks in it."""
    assert list(subtract([(0, 30)], [(0, 10), (2, 3), (12, 20)])) == [(10, 12), (20, 30)]


def test_around_a_partition_nothing_is_free() -> None:
    """Only between what its own image covers."""
    layout = compose(target_size=64 * MIB, sector_size=512, partitions={1: PART}, label=LABEL)
    assert list(free_spans(layout)) == [(2 * MIB, 9 * MIB), (10 * MIB, 40 * MIB)]


def test_a_disk_and_a_partition_over_it() -> None:
    """What one leaves free and the other needs is not free."""
    layout = compose(target_size=64 * MIB, sector_size=512, disk=DISK, partitions={1: PART})
    spans = list(free_spans(layout))
    assert spans == [(2 * MIB, 9 * MIB), (10 * MIB, 40 * MIB), (42 * MIB, 63 * MIB)]
    for start, end in spans:
        assert start % DISCARD_GRAIN == end % DISCARD_GRAIN == 0
        assert not list(layout.extents(start, end))
