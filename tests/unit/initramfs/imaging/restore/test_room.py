"""How far a partition grows, and what moves for it: Windows' layout, swap, and what must stay where it is."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import LayoutError
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.format.header import Filesystem, Header, Kind
from initramfs.imaging.format.index import Range, State
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label import read_label
from initramfs.imaging.label.model import ESP, Label, LabelType, Partition
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.restore.plan import plan
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.room import MICROSOFT_RESERVED, RECOVERY, movable, room_for
from initramfs.imaging.restore.strategy import Different
from initramfs.messages import Fit, GrowFailure, Last
from tests.images.disk import Slot, insert, partition
from tests.images.filesystems import ext4, swap
from tests.images.in_memory import MIB, Captured, capture_file, signed
from tests.images.labels import GUID, gpt, mbr
from tests.lab.command import run

BASIC = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"
TYPES = {1: ESP, 2: MICROSOFT_RESERVED, 3: BASIC, 4: RECOVERY[LabelType.GPT]}
EDGE = 33 * 512


def windows(*, recovery: int = 60 * MIB) -> Label:
    """ESP, reserved partition, C:, and behind it the recovery partition, as Windows' setup does it."""
    parts = (
        Partition(1, MIB, 50 * MIB, ""), Partition(2, 51 * MIB, 16 * MIB, ""),
        Partition(3, 67 * MIB, 400 * MIB, ""), Partition(4, 467 * MIB, recovery, ""),
    )  # fmt: skip
    label = gpt(*parts)
    named = tuple(replace(part, type=TYPES[part.number]) for part in label.partitions)
    return Label(label.type, GUID.format(0), named)


def chunk(at: int) -> Range:
    """A MiB of content, whose name tells its place."""
    return Range(at * MIB, MIB, State.DATA, at.to_bytes(32, "big"))


def image(
    label: Label, *, kinds: dict[int, str], size: int = 600 * MIB, chunks: tuple[int, ...] = ()
) -> Manifest:
    """An image of a disk with these file systems."""
    found = tuple(
        Filesystem(number, kind, f"u{number}", "", area.size, MIB, area.size)
        for number, kind in kinds.items()
        if (area := label.area(number)) is not None
    )
    header = Header("sda_Windows", 1, Kind.DISK, 512, size, MIB, label=label, filesystems=found)
    return signed(header, [chunk(at) for at in chunks])


WINDOWS = image(windows(), kinds={1: "vfat", 3: "ntfs", 4: "ntfs"}, chunks=(0, 70, 467, 500, 526))


def lay(disk: Manifest, size: int, grow: int | Last, failure: GrowFailure = GrowFailure.KEEP) -> Layout:
    """The image on a disk of ``size`` MiB."""
    return compose(target_size=size * MIB, sector_size=512, disk=disk, grow=grow, grow_failure=failure)


def test_the_recovery_partition_makes_room_for_c() -> None:
    """It moves to the disk's end, with its content; C: takes all up to it."""
    layout = lay(WINDOWS, 1200, 3)
    assert layout.label is not None
    places = {part.number: (part.start // MIB, part.size // MIB) for part in layout.label.partitions}
    assert places == {1: (1, 50), 2: (51, 16), 3: (67, 1139 - 67), 4: (1139, 60)}
    moved = 1139 - 467
    data = {extent.digest: extent.offset // MIB for extent in layout.extents() if extent.digest}
    assert [data[chunk(at).digest] for at in (0, 70, 467, 500, 526)] == [
        0,
        70,
        467 + moved,
        500 + moved,
        526 + moved,
    ]
    assert f"partition 4 moves from byte {467 * MIB} to byte {1139 * MIB}" in layout.notes
    assert layout.relocated == (4,)
    assert (layout.grow, layout.relocate) == (3, True)


def test_the_last_partition_is_c_and_not_the_recovery() -> None:
    """Nobody wants a recovery partition of a terabyte."""
    assert lay(WINDOWS, 1200, Last.LAST) == lay(WINDOWS, 1200, 3)


@pytest.mark.parametrize(("size", "target"), [(600, 600), (528, 528), (600, 528)])
def test_nothing_moves_where_that_gains_nothing(size: int, target: int) -> None:
    """A disk that is no larger, by a MiB at least. It is told, and no failure."""
    disk = image(windows(recovery=(size - 468) * MIB), kinds={3: "ntfs", 4: "ntfs"}, size=size * MIB)
    disk = WINDOWS if target < size else disk
    layout = lay(disk, target, 3, GrowFailure.FAIL)
    assert not layout.edits
    assert "the disk has no room behind it" in layout.notes[0]


def test_what_stands_behind_and_does_not_move_is_told_or_refused() -> None:
    """In those words, before anything is written."""
    other = replace(
        windows(), partitions=(*windows().partitions[:3], replace(windows().partitions[3], type=BASIC))
    )
    disk = image(other, kinds={3: "ntfs", 4: "ntfs"})
    layout = lay(disk, 1200, 3)
    assert "partition 3 is followed by partition 4" in layout.notes[0]
    assert "no room to grow into" in layout.notes[0]
    assert not layout.edits
    with pytest.raises(LayoutError, match="followed by partition 4") as refused:
        lay(disk, 1200, 3, GrowFailure.FAIL)
    assert "grow_failure" in refused.value.hint


def test_unpartitioned_content_behind_c_is_left_out_and_told() -> None:
    """It would lie in C:, or under the recovery partition."""
    disk = image(windows(), kinds={3: "ntfs", 4: "ntfs"}, chunks=(0, 470, 530, 560))
    layout = lay(disk, 1200, 3)
    written = {extent.digest for extent in layout.extents()}
    assert written.isdisjoint({chunk(530).digest, chunk(560).digest})
    assert f"{2 * MIB} bytes outside of partitions, behind byte {467 * MIB}, are left out" in layout.notes


def test_swap_moves_too_and_is_found_by_its_content() -> None:
    """Also in an MBR; not what is active, logical, or anything else."""
    table = mbr(Partition(1, MIB, 10 * MIB, "83"), Partition(2, 11 * MIB, 4 * MIB, "82"))
    layout = lay(image(table, kinds={1: "ext4", 2: "swap"}, size=20 * MIB), 100, 1)
    assert layout.label is not None
    assert [(part.start // MIB, part.size // MIB) for part in layout.label.partitions] == [(1, 95), (96, 4)]
    assert movable(table, {}) == frozenset()
    active = replace(table, partitions=(table.partitions[0], replace(table.partitions[1], bootable=True)))
    assert movable(active, {2: "swap"}) == frozenset()
    logical = mbr(
        Partition(1, MIB, 10 * MIB, "83"),
        Partition(2, 11 * MIB, 9 * MIB, "5"),
        Partition(5, 12 * MIB, 8 * MIB, "82"),
    )
    assert movable(logical, {5: "swap"}) == frozenset()
    assert room_for(logical, logical.partitions[0], 100 * MIB, {5}).starts == {}


def test_a_partition_image_goes_to_where_its_partition_moves() -> None:
    """A recovery partition of its own image, laid over the disk's."""
    header = Header("sda4_Recovery", 1, Kind.PARTITION, 512, 60 * MIB, MIB)
    part = signed(header, [Range(MIB, MIB, State.DATA, b"p" * 32)])
    layout = compose(target_size=1200 * MIB, sector_size=512, disk=WINDOWS, partitions={4: part}, grow=3)
    data = {extent.digest: extent.offset // MIB for extent in layout.extents() if extent.digest}
    assert data[b"p" * 32] == 1140
    assert chunk(467).digest not in data


def disk_with_swap(folder: Path, label: str, types: tuple[str, str]) -> Captured:
    """An ext4 and, directly behind it, swap."""
    ext4(folder / "ext4", 8, GUID.format(1))
    swap(folder / "swap", 4, GUID.format(2))
    starts = partition(folder / "disk", 14, label, (Slot(1, 8, types[0]), Slot(2, 4, types[1])))
    for number, name in ((1, "ext4"), (2, "swap")):
        insert(folder / "disk", starts[number], folder / name)
    return capture_file(folder / "disk")


@pytest.mark.parametrize(("label", "types"), [("label: dos", ("83", "82")), ("label: gpt", ("L", "S"))])
def test_a_disk_is_written_with_what_moved(label: str, types: tuple[str, str], tmp_path: Path) -> None:
    """The table says so, its tool agrees, and the swap is there; again onto itself the same."""
    image, target = disk_with_swap(tmp_path, label, types), tmp_path / "target"
    target.write_bytes(b"\xa5" * 40 * MIB)
    for _ in range(2):
        with Device.open(target, writable=True) as device:
            layout = plan(image.chunks, device, Fit(1), disk=image.manifest)
            Restore(layout, image.chunks, device, strategy=Different()).run()
            assert read_label(device.read, device.size, 512) == layout.label
        assert "No errors detected" in run("sfdisk", "--verify", target)
        place = layout.place(2)
        assert place is not None
        assert place.start == (36 if types[0] == "83" else 35) * MIB
        assert probe(target, place.start, place.size).uuid == GUID.format(2)


def test_nothing_moves_that_a_hybrid_mbr_names_too(tmp_path: Path) -> None:
    """Two tables would have to agree; it stays, and that is told."""
    disk_with_swap(tmp_path, "label: gpt", ("L", "S"))
    with (tmp_path / "disk").open("r+b") as file:
        file.seek(446 + 16)
        file.write(struct.pack("<4xB3xII", 0x83, 2048, 8 * 2048))
    image = capture_file(tmp_path / "disk")
    with Device.create(tmp_path / "target", 40 * MIB) as device:
        layout = plan(image.chunks, device, Fit(1), disk=image.manifest)
        Restore(layout, image.chunks, device).run()
    assert not layout.edits
    assert "which does not move" in layout.notes[0]
