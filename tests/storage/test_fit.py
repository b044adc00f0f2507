"""Images on disks of another size: real tables, real file systems, checked by their own tools."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import LayoutError
from initramfs.imaging.format.source import ChunkSource
from initramfs.imaging.label import read_label
from initramfs.imaging.label.model import Bare, Label
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.counts import RestoreCounts
from initramfs.imaging.restore.grow_filesystem import grow_filesystem
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Different
from initramfs.messages import Last
from tests.images import content, filesystems
from tests.images.disk import Slot, insert, partition
from tests.images.image_command import Appliance
from tests.images.in_memory import MIB, Captured, capture_file
from tests.lab.command import run

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root"),
]

SIZES = {"ext4": 64, "ntfs": 64, "xfs": 320, "btrfs": 320}
GPT, LOGICAL, PRIMARY = "gpt", "logical", "primary"


@dataclass(frozen=True, slots=True)
class Source:
    """A disk with one file system as its last partition, and its image."""

    path: Path
    number: int
    kind: str
    files: dict[str, str]
    image: Captured


def slots_of(table: str, size: int) -> tuple[int, str, tuple[Slot, ...]]:
    """The last partition's number, and a table with a small first one and one of ``size`` MiB."""
    return {
        GPT: (2, "label: gpt", (Slot(1, 4, "U"), Slot(2, size, "L"))),
        PRIMARY: (2, "label: dos", (Slot(1, 4, "c"), Slot(2, size, "83"))),
        LOGICAL: (5, "label: dos", (Slot(1, 4, "c"), Slot(2, size + 2, "5"), Slot(5, size, "83"))),
    }[table]


def make(folder: Path, table: str, kind: str, behind: int = 0) -> Source:
    """A disk with a small first partition and ``kind`` in the last one; ``behind``: MiB left free."""
    size = SIZES[kind]
    number, label, slots = slots_of(table, size)
    disk, part = folder / "disk", folder / "part"
    starts = partition(disk, size + 9 + behind, label, slots)
    content.make(part, size, kind)
    insert(disk, starts[number], part)
    with content.loop(part) as device:
        files = content.digests(device, kind)
    return Source(disk, number, kind, files, capture_file(disk, "sda_Disk"))


def restore(chunks: ChunkSource, target: Path, layout: Layout, *, delta: bool = False) -> RestoreCounts:
    """As the agent does it: grown when everything is on the disk and it cannot start yet."""
    with Device.open(target, writable=True) as device:
        run_ = Restore(layout, chunks, device, strategy=Different() if delta else None)
        return run_.run(before_commit=lambda _: print(grow_filesystem(layout, device)))


def blank(folder: Path, size: int) -> Path:
    """A used disk, MiB."""
    path = folder / f"used-{size}-disk"
    path.write_bytes(b"\xa5" * (size * MIB))
    return path


def label_of(path: Path) -> Label:
    """As it lies on the disk."""
    with Device.open(path) as device:
        label = read_label(device.read, device.size, 512)
    assert label is not None
    return label


def assert_whole(target: Path, source: Source, *, fills: bool) -> None:
    """Table, file system and files are right, and the file system is as large as its partition."""
    assert "No errors detected" in run("sfdisk", "--verify", target)
    part = label_of(target).area(source.number)
    assert part is not None
    with content.loop(target, part.start, part.size) as device:
        content.check(device, source.kind)
        assert content.digests(device, source.kind) == source.files
        if fills:
            assert content.capacity(device, source.kind) > part.size * 0.8


@pytest.mark.parametrize("table", [GPT, LOGICAL, PRIMARY])
@pytest.mark.parametrize("kind", ["ext4", "ntfs", "xfs", "btrfs"])
def test_the_last_partition_fills_a_larger_disk(kind: str, table: str, tmp_path: Path) -> None:
    """Label, container and file system; files as before; again onto itself the same."""
    source = make(tmp_path, table, kind)
    size = SIZES[kind] * 2
    target, image = blank(tmp_path, size), source.image
    layout = compose(target_size=size * MIB, sector_size=512, disk=image.manifest, grow=Last.LAST)
    for delta in (False, True):
        restore(image.chunks, target, layout, delta=delta)
        part = label_of(target).area(source.number)
        assert part is not None
        assert part.end == (size - (table == GPT)) * MIB
        assert label_of(target) == layout.label
        assert_whole(target, source, fills=True)


@pytest.mark.parametrize("table", [GPT, LOGICAL, PRIMARY])
@pytest.mark.parametrize("kind", ["ext4", "ntfs", "btrfs"])
def test_a_shrunk_image_goes_to_a_smaller_disk(
    kind: str, table: str, appliance: Appliance, tmp_path: Path
) -> None:
    """Captured, shrunk, restored to a disk that was too small, and grown to it: all by the command line."""
    source = make(tmp_path, table, kind)
    small = blank(tmp_path, SIZES[kind] - (20 if kind != "btrfs" else 2))
    appliance.call("capture", source.path, "sda_Big")
    with pytest.raises(LayoutError, match="too small") as refused:
        appliance.call("restore", "sda_Big", small, "--yes")
    assert "image shrink" in refused.value.hint
    assert small.read_bytes() == b"\xa5" * small.stat().st_size
    appliance.call("shrink", "sda_Big", "sda_Small")
    before, after = appliance.show("sda_Big"), appliance.show("sda_Small")
    assert after["size"] < before["size"]
    assert after["filesystems"][-1]["minimal"] < before["filesystems"][-1]["minimal"]
    appliance.call("restore", "sda_Small", small, "--yes", "--grow", "last")
    assert_whole(small, source, fills=True)


@pytest.mark.parametrize("kind", ["ext4", "ntfs"])
def test_a_partition_image_shrinks_too_and_fits_under_a_disk_image(
    kind: str, appliance: Appliance, tmp_path: Path
) -> None:
    """The table's last partition is cut to the smaller disk when what is laid over it fits."""
    source = make(tmp_path, GPT, kind)
    appliance.call("capture", source.path, "sda_Init", "--empty", "2")
    appliance.call("capture", source.path, "sda2_Big", "--partition", "2")
    appliance.call("shrink", "sda2_Big", "sda2_Small", "--size", "40 MiB")
    assert appliance.show("sda2_Small")["size"] == 40 * MIB
    disk, big, part = map(appliance.image, ("sda_Init", "sda2_Big", "sda2_Small"))
    size = 50 * MIB
    with pytest.raises(LayoutError, match=f"needs {(1 + 4 + 64) * MIB + 33 * 512} bytes"):
        compose(target_size=size, sector_size=512, disk=disk, partitions={2: big})
    target = blank(tmp_path, 50)
    layout = compose(target_size=size, sector_size=512, disk=disk, partitions={2: part}, grow=2)
    restore(appliance.store, target, layout)
    assert_whole(target, source, fills=True)
    assert label_of(target).area(2) == layout.label.area(2)  # type: ignore[union-attr]


def test_free_space_behind_the_last_partition_needs_no_shrinking(tmp_path: Path) -> None:
    """A disk image goes to any disk that takes its partitions, as large as they are."""
    for table in (GPT, LOGICAL, PRIMARY):
        (folder := tmp_path / table).mkdir()
        source = make(folder, table, "ext4", behind=30)
        target = blank(folder, SIZES["ext4"] + 9)
        layout = compose(
            target_size=target.stat().st_size, sector_size=512, disk=source.image.manifest, grow=None
        )
        assert layout.label == source.image.manifest.header.label
        restore(source.image.chunks, target, layout)
        assert_whole(target, source, fills=True)


@pytest.mark.parametrize("table", [GPT, LOGICAL, PRIMARY])
def test_zeros_in_a_file_are_zeros_on_a_smaller_disk(table: str, tmp_path: Path) -> None:
    """A file of zeros at the end of a file system that is smaller than its partition."""
    part = tmp_path / "part"
    content.make(part, 40, "ext4")
    with content.loop(part) as device:
        with content.mounted(device, "ext4") as place, contextlib.suppress(OSError):
            (place / "zeros").write_bytes(bytes(40 * MIB))  # until it is full
        files = content.digests(device, "ext4")
    os.truncate(part, 64 * MIB)
    number, label, slots = slots_of(table, 64)
    starts = partition(tmp_path / "disk", 73, label, slots)
    insert(tmp_path / "disk", starts[number], part)
    image = capture_file(tmp_path / "disk", "sda_Disk")
    target = blank(tmp_path, 52)
    layout = compose(target_size=52 * MIB, sector_size=512, disk=image.manifest)
    with Device.open(target, writable=True) as device:
        Restore(layout, image.chunks, device, discard=False).run()
    assert_whole(target, Source(target, number, "ext4", files, image), fills=False)


def test_what_cannot_shrink_is_refused_with_the_smallest_size(appliance: Appliance, tmp_path: Path) -> None:
    """XFS never, ext4 not below what is in it; nothing is left behind."""
    source = make(tmp_path, PRIMARY, "xfs")
    appliance.call("capture", source.path, "sda_XFS")
    with pytest.raises(LayoutError, match="partition 2, the last one: xfs cannot be made smaller"):
        appliance.call("shrink", "sda_XFS", "sda_Small")
    (tmp_path / "ext").mkdir()
    source = make(tmp_path / "ext", GPT, "ext4")
    appliance.call("capture", source.path, "sda_Ext")
    with pytest.raises(LayoutError, match="cannot be made smaller than") as refused:
        appliance.call("shrink", "sda_Ext", "sda_Small", "--size", "8 MiB")
    least = refused.value.message.split()[7]
    appliance.call("shrink", "sda_Ext", "sda_Small", "--size", least)
    assert appliance.show("sda_Small")["size"] == int(least)
    assert not list((appliance.home / "store" / "unpacked").iterdir())


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_file_system_grows_into_a_larger_partition(kind: str, tmp_path: Path) -> None:
    """A partition image laid into a partition of a labelled disk; the table stays."""
    content.make(tmp_path / "part", SIZES[kind], kind)
    image = capture_file(tmp_path / "part", "sda2_Data")
    target = blank(tmp_path, 2 * SIZES[kind])
    partition(target, 2 * SIZES[kind], "label: gpt", (Slot(1, 4, "U"), Slot(2, 0, "L")))
    label = label_of(target)
    size = target.stat().st_size
    layout = compose(target_size=size, sector_size=512, partitions={2: image.manifest}, label=label, grow=2)
    restore(image.chunks, target, layout)
    assert label_of(target) == label
    with content.loop(tmp_path / "part") as device:
        files = content.digests(device, kind)
    assert_whole(target, Source(target, 2, kind, files, image), fills=True)


def test_what_cannot_grow_stays_and_says_so(tmp_path: Path) -> None:
    """Swap, FAT, a partition that is not written: a word to people, and nothing else."""
    partition(tmp_path / "disk", 40, "label: dos", (Slot(1, 16, "c"), Slot(2, 8, "82")))
    starts = {1: 2048, 2: 2048 + 16 * 2048}
    for number, kind, size in ((1, "vfat", 16), (2, "swap", 8)):
        filesystems.blank(tmp_path / kind, size)
        run(*content.MAKERS[kind], tmp_path / kind)
        insert(tmp_path / "disk", starts[number], tmp_path / kind)
    disk = capture_file(tmp_path / "disk", "sda_Disk").manifest
    for grow, word in ((Last.LAST, "partition 2 holds swap"), (1, "partition 1 holds vfat")):
        layout = compose(target_size=80 * MIB, sector_size=512, disk=disk, grow=grow)
        assert layout.grow is None
        assert not layout.edits
        assert word in layout.notes[0]
        assert "stays as it is" in layout.notes[0]
    with pytest.raises(LayoutError, match="no partition 7 to grow"):
        compose(target_size=80 * MIB, sector_size=512, disk=disk, grow=7)


def test_a_middle_partition_takes_the_room_behind_it(tmp_path: Path) -> None:
    """Up to the next one; the others stay where they are."""
    slots = "label: dos\nstart=2048,size=64MiB,type=83\nstart=200MiB,size=8MiB,type=82\n"
    content.make(tmp_path / "part", 64, "ext4")
    filesystems.blank(tmp_path / "disk", 220)
    run("sfdisk", "-q", "--no-reread", "--no-tell-kernel", tmp_path / "disk", stdin=slots)
    insert(tmp_path / "disk", 2048, tmp_path / "part")
    image = capture_file(tmp_path / "disk", "sda_Disk")
    target = blank(tmp_path, 220)
    layout = compose(target_size=220 * MIB, sector_size=512, disk=image.manifest, grow=1)
    restore(image.chunks, target, layout)
    one, two = label_of(target).areas
    assert (one.end, two.start) == (200 * MIB, 200 * MIB)
    with content.loop(tmp_path / "part") as device:
        files = content.digests(device, "ext4")
    assert_whole(target, Source(target, 1, "ext4", files, image), fills=True)


@pytest.mark.parametrize(
    ("make", "sizes", "said"),
    [
        (
            ("mkfs.ext4", "-q", "-F", "-b", "1024"),
            (24 * MIB + 4096, 24 * MIB + 1024, 24 * MIB + 2048),
            "fills",
        ),
        (("mkfs.btrfs", "-q"), (130 * MIB, 130 * MIB, 138 * MIB), "stays as it is"),
    ],
)
def test_what_cannot_be_grown_so_little_is_left_alone(
    make: tuple[str, ...], sizes: tuple[int, int, int], said: str, tmp_path: Path
) -> None:
    """A full ext beside less than a page, which its tool rounds away; a small Btrfs."""
    part, target, (made, own, size) = tmp_path / "part", tmp_path / "target", sizes
    part.write_bytes(b"")
    os.truncate(part, made)
    run(*make, part)
    os.truncate(part, own)  # mke2fs makes no group of three blocks
    kind = make[0].removeprefix("mkfs.")
    with content.loop(part) as device:
        with content.mounted(device, kind) as place, contextlib.suppress(OSError):
            (place / "file").write_bytes(b"x" * 30 * MIB)  # until it is full
        files = content.digests(device, kind)
    image = capture_file(part, "sda5_Part")
    with Device.create(target, size) as device_:
        layout = compose(
            target_size=size, sector_size=512, partitions={Bare.BARE: image.manifest}, grow=Last.LAST
        )
        reports = list(layout.notes)
        restore = Restore(layout, image.chunks, device_)
        restore.run(before_commit=lambda _: reports.append(grow_filesystem(layout, device_)))
    assert said in " ".join(reports)
    with content.loop(target) as device:
        content.check(device, kind)
        assert content.digests(device, kind) == files
