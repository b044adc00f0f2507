"""Layouts: what goes where, and what does not fit."""

from __future__ import annotations

import hashlib

import pytest

from initramfs.imaging.errors import LayoutError
from initramfs.imaging.format.header import ANY, Filesystem, Header, Kind, StartsWith
from initramfs.imaging.format.index import Range, State
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.model import Bare, Label, Partition
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.layout import BootCriticalRegion, Layout
from initramfs.messages import Firmware
from tests.images.in_memory import MIB, signed
from tests.images.labels import gpt, mbr


def data(offset: int, length: int = MIB) -> Range:
    """A chunk whose name tells its place."""
    return Range(offset, length, State.DATA, hashlib.sha256(str(offset).encode()).digest())


def zeros(offset: int, length: int) -> Range:
    """Allocated zeros."""
    return Range(offset, length, State.ZERO)


LABEL = mbr(
    Partition(1, MIB, 4 * MIB, "83"),
    Partition(4, 5 * MIB, 15 * MIB, "5"),
    Partition(5, 6 * MIB, 4 * MIB, "83"),
    Partition(6, 11 * MIB, 9 * MIB, "7"),
)
SIZE = 24 * MIB
RANGES = [
    data(0), data(MIB), data(3 * MIB), data(5 * MIB), zeros(6 * MIB, 4 * MIB), zeros(10 * MIB, MIB),
    zeros(11 * MIB, 9 * MIB), zeros(20 * MIB, 3 * MIB), data(23 * MIB),
]  # fmt: skip


def disk(label: Label = LABEL, firmware: StartsWith = Firmware.BIOS) -> Manifest:
    """A whole disk, partitions 5 and 6 emptied."""
    return signed(Header("sda_Init", 1, Kind.DISK, 512, SIZE, MIB, firmware, label), RANGES)


def part(size: int = 4 * MIB, ranges: list[Range] | None = None, sector_size: int = 512) -> Manifest:
    """A partition."""
    header = Header("sda5_Data", 2, Kind.PARTITION, sector_size, size, MIB)
    return signed(header, [data(0), data(2 * MIB, 512 * 1024)] if ranges is None else ranges)


def places(layout: Layout) -> list[tuple[int, int, bool]]:
    """Offset and length in MiB, and whether it is data."""
    return [(e.offset // MIB, -(-e.length // MIB), e.digest is not None) for e in layout.extents()]


def test_partitions_replace_what_the_disk_image_has_there() -> None:
    """Its zeros too; everything else stays, in order."""
    layout = compose(target_size=SIZE, sector_size=512, disk=disk(), partitions={5: part()})
    assert places(layout) == [
        (0, 1, True), (1, 1, True), (3, 1, True), (5, 1, True), (6, 1, True), (8, 1, True), (10, 1, False),
        (11, 9, False), (20, 3, False), (23, 1, True),
    ]  # fmt: skip
    assert [e.image for e in layout.extents()][4:6] == ["sda5_Data@2"] * 2


def test_an_empty_image_still_replaces() -> None:
    """A partition whose image holds nothing is left alone, not zeroed."""
    layout = compose(target_size=SIZE, sector_size=512, disk=disk(), partitions={6: part(ranges=[])})
    assert (11, 9, False) not in places(layout)
    assert (20, 3, False) in places(layout)


def test_the_head_and_the_tail_of_a_disk_are_guarded() -> None:
    """On the target: its own last MiB, where a GPT's backup would lie."""
    same = compose(target_size=SIZE, sector_size=512, disk=disk())
    assert same.boot_critical == (BootCriticalRegion(0, MIB), BootCriticalRegion(23 * MIB, 24 * MIB))
    assert [e.offset for region in same.boot_critical for e in same.withheld(region)] == [0, 23 * MIB]
    larger = compose(target_size=100 * MIB, sector_size=512, disk=disk())
    assert larger.boot_critical == (BootCriticalRegion(0, MIB), BootCriticalRegion(99 * MIB, 100 * MIB))
    assert [e.offset for region in larger.boot_critical for e in larger.withheld(region)] == [0]


def test_a_guard_ends_where_the_first_partition_begins() -> None:
    """DOS put it at sector 63: the partition must be whole while the disk is still closed."""
    old = mbr(Partition(1, 63 * 512, SIZE - 63 * 512, "6"))
    header = Header("sda_Dos", 1, Kind.DISK, 512, SIZE, MIB, label=old)
    image = signed(header, [data(0, 63 * 512), data(63 * 512)])
    layout = compose(target_size=SIZE, sector_size=512, disk=image)
    assert layout.boot_critical == (BootCriticalRegion(0, 63 * 512),)
    assert [e.length for e in layout.withheld(layout.boot_critical[0])] == [63 * 512]


def test_a_partition_that_begins_with_the_disk_is_guarded_as_its_head() -> None:
    """Sticks that were made of an ISO image have one: sector 0 still comes last."""
    table = mbr(Partition(1, 0, SIZE, "17"))
    header = Header("sdb_Stick", 1, Kind.DISK, 512, SIZE, MIB, label=table)
    layout = compose(target_size=SIZE, sector_size=512, disk=signed(header, [data(0), data(MIB)]))
    assert layout.boot_critical == (BootCriticalRegion(0, MIB),)
    assert [extent.offset for extent in layout.bulk()] == [MIB]


def test_a_guard_grows_to_whole_chunks() -> None:
    """With chunks of 4 MiB the first one reaches behind the first MiB."""
    late = mbr(Partition(1, 8 * MIB, MIB, "6"))
    header = Header("sda_Late", 1, Kind.DISK, 512, SIZE, 4 * MIB, label=late)
    image = signed(header, [data(0, 4 * MIB), zeros(4 * MIB, 4 * MIB), data(20 * MIB, 4 * MIB)])
    layout = compose(target_size=SIZE, sector_size=512, disk=image)
    assert layout.boot_critical == (BootCriticalRegion(0, 4 * MIB), BootCriticalRegion(20 * MIB, 24 * MIB))


def test_a_partition_alone_is_guarded_itself() -> None:
    """The disk's label is not touched."""
    layout = compose(
        target_size=SIZE, sector_size=512, partitions={5: part(), 1: part(MIB, [data(0)])}, label=LABEL
    )
    assert layout.boot_critical == (BootCriticalRegion(MIB, 2 * MIB), BootCriticalRegion(6 * MIB, 7 * MIB))
    assert not layout.whole
    assert all(e.offset >= MIB for e in layout.extents())


def test_where_a_partition_ends_elsewhere_nothing_of_an_earlier_disk_stays() -> None:
    """RAID signatures and GPT backups lie in the last MiB: what an image leaves free there becomes zeros."""
    larger = compose(target_size=SIZE, sector_size=512, label=LABEL, partitions={6: part()})
    assert places(larger) == [(11, 1, True), (13, 1, True), (19, 1, False)]
    laid = compose(target_size=SIZE, sector_size=512, disk=disk(), partitions={6: part()})
    assert places(laid)[-3:] == [(19, 1, False), (20, 3, False), (23, 1, True)]
    same = compose(target_size=SIZE, sector_size=512, label=LABEL, partitions={5: part()})
    assert places(same) == [(6, 1, True), (8, 1, True)]


def test_free_blocks_at_the_end_of_a_smaller_partition_become_zeros() -> None:
    """Between chunks too, which stay where they are."""
    step = 1 << 16
    found = (Filesystem(Bare.BARE, "ext4", "u", "", 9 * MIB, MIB, 4 * MIB - step),)
    header = Header("sda5_Data", 2, Kind.PARTITION, 512, 9 * MIB, step, filesystems=found)
    ranges = [data(0, step), data(3 * MIB, step), data(3 * MIB + 4 * step, step), data(8 * MIB, step)]
    layout = compose(target_size=SIZE, sector_size=512, label=LABEL, partitions={5: signed(header, ranges)})
    at = 9 * MIB
    assert [(e.offset - at, e.end - at) for e in layout.extents() if e.digest is None] == [
        (step, 4 * step), (5 * step, MIB),
    ]  # fmt: skip
    offsets = [extent.offset for extent in layout.extents()]
    assert offsets == sorted(offsets)
    assert len(offsets) == 5


def test_a_bare_partition_begins_at_zero() -> None:
    """When the target itself is the partition."""
    layout = compose(target_size=4 * MIB, sector_size=512, partitions={Bare.BARE: part()})
    assert places(layout) == [(0, 1, True), (2, 1, True)]
    assert layout.label is None


def test_a_gpt_on_a_larger_disk_leaves_the_old_backup_behind() -> None:
    """Its place in the image is not written; the new one is made at the end."""
    table = gpt(Partition(1, MIB, 19 * MIB, ""))
    layout = compose(target_size=2 * SIZE, sector_size=512, disk=disk(table))
    assert layout.relocate
    assert places(layout)[-1] == (20, 3, False)
    assert not compose(target_size=SIZE, sector_size=512, disk=disk(table)).relocate


@pytest.mark.parametrize("cut", [0, 511])
def test_what_lies_behind_the_last_whole_sector_is_no_target(cut: int) -> None:
    """Files may have odd sizes."""
    assert compose(target_size=SIZE + cut, sector_size=512, disk=disk()).target_size == SIZE


def test_a_large_range_of_zeros_is_done_in_steps() -> None:
    """One record may stand for most of a disk; several threads share it, and progress is seen."""
    header = Header("sda5_Data", 1, Kind.PARTITION, 512, 1 << 40, MIB)
    layout = compose(
        target_size=1 << 40, sector_size=512, partitions={Bare.BARE: signed(header, [zeros(MIB, 200 * MIB)])}
    )
    assert [(offset, length) for offset, length, _ in places(layout)] == [
        (1, 64), (65, 64), (129, 64), (193, 8),
    ]  # fmt: skip


def test_what_does_not_fit_is_refused() -> None:
    """By name, with what was found, before anything is written."""
    cases: list[tuple[str, dict[str, object]]] = [
        ("too small", {"disk": disk(), "target_size": 20 * MIB - 512}),
        ("no partition 7", {"disk": disk(), "partitions": {7: part()}}),
        ("no partition 4", {"disk": disk(), "partitions": {4: part()}}),
        ("only 4194304", {"disk": disk(), "partitions": {5: part(5 * MIB)}}),
        ("sectors of 4096", {"disk": disk(), "partitions": {5: part(sector_size=4096)}}),
        ("sectors of 512", {"disk": disk(), "sector_size": 4096}),
        ("starts with bios", {"disk": disk(), "firmware": Firmware.UEFI}),
        ("image of a partition", {"disk": part()}),
        ("image of a disk", {"disk": disk(), "partitions": {5: disk()}}),
        ("no partition 1", {"partitions": {1: part()}}),
        ("behind the disk", {"partitions": {6: part()}, "label": LABEL, "target_size": 16 * MIB}),
    ]
    for match, changes in cases:
        with pytest.raises(LayoutError, match=match):
            compose(**{"target_size": SIZE, "sector_size": 512, **changes})  # type: ignore[arg-type]


def test_firmware_that_fits_is_taken() -> None:
    """The same, or an image that does not care."""
    fitting: list[tuple[StartsWith, Firmware]] = [(Firmware.BIOS, Firmware.BIOS), (ANY, Firmware.UEFI)]
    for firmware, machine in fitting:
        compose(target_size=SIZE, sector_size=512, disk=disk(firmware=firmware), firmware=machine)
