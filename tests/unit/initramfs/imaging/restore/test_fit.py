"""Fitting: who is cut, who grows, how far, and what is refused, all before the first write."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import LayoutError
from initramfs.imaging.filesystem.size import fs_size
from initramfs.imaging.format.header import Filesystem, Header, Kind
from initramfs.imaging.format.index import Range, State
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.model import Bare, Label, Partition
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.fit import needed
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.restore.restore import Restore
from initramfs.messages import Last
from tests.images.disk import Slot, insert, partition
from tests.images.filesystems import blank, ext4
from tests.images.in_memory import MIB, capture_file, signed
from tests.images.labels import gpt, mbr
from tests.lab.command import run

BACKUP = 33 * 512


def data(offset: int, length: int = MIB) -> Range:
    """A chunk whose name tells its place."""
    return Range(offset, length, State.DATA, hashlib.sha256(str(offset).encode()).digest())


LOGICAL = mbr(
    Partition(1, MIB, 4 * MIB, "83"), Partition(4, 5 * MIB, 21 * MIB, "5"),
    Partition(5, 6 * MIB, 20 * MIB, "83"),
)  # fmt: skip
MODERN = gpt(Partition(1, MIB, 4 * MIB, "u"), Partition(2, 5 * MIB, 20 * MIB, "l"))
SIZE = 30 * MIB


def disk(
    label: Label, *, kind: str = "ext4", minimal: int = 20 * MIB, ranges: tuple[Range, ...] = ()
) -> Manifest:
    """An image whose last partition holds a file system of ``minimal`` bytes."""
    last = label.areas[-1]
    found = (Filesystem(last.number, kind, "u", "", last.size, MIB, minimal),)
    header = Header("sda_Disk", 1, Kind.DISK, 512, SIZE, MIB, label=label, filesystems=found)
    return signed(header, [data(0), *ranges])


def lay(image: Manifest, size: int, grow: int | Last | None = None) -> Layout:
    """The image on a disk of ``size`` bytes."""
    return compose(target_size=size, sector_size=512, disk=image, grow=grow)


def sizes(layout: Layout) -> dict[int, int]:
    """MiB by partition, as they will be."""
    assert layout.label is not None
    return {part.number: part.size // MIB for part in layout.label.partitions}


def test_only_what_must_be_cut_is_cut() -> None:
    """The last partition, its container, to what its file system needs or the disk has."""
    assert sizes(lay(disk(LOGICAL), 26 * MIB)) == {1: 4, 4: 21, 5: 20}
    assert not lay(disk(LOGICAL), 26 * MIB).edits
    assert sizes(lay(disk(LOGICAL, minimal=8 * MIB), 20 * MIB)) == {1: 4, 4: 15, 5: 14}
    assert sizes(lay(disk(MODERN, minimal=8 * MIB), 20 * MIB)) == {1: 4, 2: 14}
    assert sizes(lay(disk(MODERN, minimal=8 * MIB), 13 * MIB + BACKUP)) == {1: 4, 2: 8}


@pytest.mark.parametrize(("label", "least"), [(LOGICAL, 14 * MIB), (MODERN, 13 * MIB + BACKUP)])
def test_the_smallest_size_that_would_do_is_told_exactly(label: Label, least: int) -> None:
    """One sector less is refused with that number."""
    image = disk(label, minimal=8 * MIB)
    assert lay(image, least).target_size == least
    with pytest.raises(LayoutError, match=f"needs {least} bytes") as refused:
        lay(image, least - 512)
    assert "image shrink" in refused.value.hint
    with pytest.raises(LayoutError) as refused:
        lay(disk(label, kind="xfs", minimal=8 * MIB), least - 512)
    assert "image shrink" not in refused.value.hint


def test_a_chunk_in_which_a_file_system_ends_is_not_cut() -> None:
    """Chunks are written whole or not at all."""
    ragged = disk(MODERN, minimal=8 * MIB + 4096, ranges=(data(12 * MIB), data(13 * MIB, MIB // 2)))
    assert needed(ragged, 2, 5 * MIB) == 8 * MIB + MIB // 2
    behind = disk(MODERN, minimal=8 * MIB + 4096, ranges=(data(12 * MIB), data(14 * MIB)))
    assert needed(behind, 2, 5 * MIB) == 8 * MIB + 4096


def test_what_lies_behind_a_cut_partition_is_not_written() -> None:
    """Neither the partition's own old end nor the old backup of the table."""
    ranges = (data(6 * MIB), data(24 * MIB), Range(25 * MIB, MIB, State.ZERO), data(29 * MIB))
    layout = lay(disk(MODERN, minimal=8 * MIB, ranges=ranges), 20 * MIB)
    assert [extent.offset // MIB for extent in layout.extents() if extent.digest is not None] == [0, 6]
    assert layout.relocate
    assert all(region.end <= 20 * MIB for region in layout.boot_critical)


@pytest.mark.parametrize("start", [MIB, 27 * MIB])
def test_a_chunk_with_a_table_is_not_left_out(start: int) -> None:
    """Without it the disk would have none: an empty container behind the last partition, or no partition."""
    parts = (Partition(1, 2 * MIB, MIB, "83"),) if start > 2 * MIB else ()
    label = mbr(*parts, Partition(4, start, MIB, "5"))
    header = Header("sda_Disk", 1, Kind.DISK, 512, SIZE, 4 * MIB, label=label)
    image = signed(header, [data(start - MIB, 3 * MIB)])
    assert lay(image, start + 2 * MIB).pieces
    with pytest.raises(LayoutError, match=f"needs {start + 2 * MIB} bytes"):
        lay(image, start + 2 * MIB - 512)


def test_zeros_that_reach_over_the_cut_are_written_up_to_it() -> None:
    """One record may begin in the file system and end behind it, because zeros are joined."""
    ranges = (data(6 * MIB), Range(7 * MIB, 18 * MIB, State.ZERO))
    for label, size, end in ((MODERN, 20 * MIB, 20 * MIB - BACKUP), (LOGICAL, 20 * MIB, 20 * MIB)):
        layout = lay(disk(label, minimal=8 * MIB, ranges=ranges), size)
        assert layout.label is not None
        last = layout.label.areas[-1].end
        assert last <= end
        zeros = [extent for extent in layout.extents() if extent.digest is None]
        assert [(extent.offset, extent.end) for extent in zeros] == [(7 * MIB, last)]
        assert [piece.end for piece in layout.pieces] == [last]


def test_zeros_of_a_partition_image_end_with_a_smaller_partition() -> None:
    """The same where the partition is given."""
    found = (Filesystem(Bare.BARE, "ext4", "u", "", SIZE, MIB, 8 * MIB),)
    header = Header("sda5_Part", 1, Kind.PARTITION, 512, SIZE, MIB, filesystems=found)
    image = signed(header, [data(0), Range(MIB, 20 * MIB, State.ZERO), data(29 * MIB)])
    layout = compose(target_size=9 * MIB, sector_size=512, partitions={Bare.BARE: image})
    assert [(extent.offset, extent.end) for extent in layout.extents()] == [(0, MIB), (MIB, 9 * MIB)]


def test_a_partition_may_lie_where_a_shorter_table_leaves_room() -> None:
    """A GPT of 4 entries has a backup of two sectors: what a partition has there belongs to it."""
    end = SIZE - 2 * 512
    label = gpt(Partition(1, MIB, 4 * MIB, "u"), Partition(2, 5 * MIB, end - 5 * MIB, "l"))
    tail = data(29 * MIB, MIB - 2 * 512)
    image = disk(label, minimal=end - 5 * MIB, ranges=(tail, data(end, 1024)))
    assert [extent.offset for extent in lay(image, SIZE).extents()] == [0, tail.offset, end]
    assert [extent.offset for extent in lay(image, 2 * SIZE).extents()] == [0, tail.offset]
    with pytest.raises(LayoutError, match=f"needs {SIZE} bytes"):
        lay(image, SIZE - 512)


def test_content_outside_of_partitions_that_is_left_out_is_told() -> None:
    """It is not known what it is."""
    image = disk(LOGICAL, ranges=(data(6 * MIB), data(28 * MIB)))
    assert lay(image, SIZE).notes == ()
    (note,) = lay(image, 27 * MIB).notes
    assert note == f"{MIB} bytes outside of partitions, behind byte {27 * MIB}, are left out"
    assert len(lay(image, 2 * SIZE, Last.LAST).notes) == 1


def test_the_guard_at_the_end_leaves_the_grown_partition_alone() -> None:
    """It is written last, over what was grown into."""
    for label in (LOGICAL, MODERN):
        layout = lay(disk(label), 64 * MIB, Last.LAST)
        assert layout.label is not None
        assert layout.label.areas[-1].end == (64 - (label is MODERN)) * MIB
        assert all(region.start >= layout.label.areas[-1].end for region in layout.boot_critical[1:])


def test_growing_stops_at_what_follows() -> None:
    """Another partition, a container, another logical one's record, two tebibytes in an MBR."""
    first, container = Partition(1, MIB, 4 * MIB, "83"), Partition(2, 9 * MIB, 4 * MIB, "5")
    middle = mbr(first, container, Partition(5, 10 * MIB, 3 * MIB, "83"))
    found = tuple(Filesystem(p.number, "ext4", "u", "", p.size, MIB, p.size) for p in middle.areas)
    header = Header("sda_Disk", 1, Kind.DISK, 512, SIZE, MIB, label=middle, filesystems=found)
    image = signed(header, [data(0)])
    assert sizes(lay(image, SIZE, 1)) == {1: 8, 2: 4, 5: 3}
    assert sizes(lay(image, SIZE, 5)) == {1: 4, 2: 21, 5: 20}
    two = mbr(first, container, Partition(5, 10 * MIB, MIB, "83"), Partition(6, 12 * MIB, MIB, "83"))
    assert sizes(lay(disk(two, minimal=MIB), SIZE, 5)) == {1: 4, 2: 4, 5: 1, 6: 1}
    large = lay(disk(mbr(Partition(1, MIB, 20 * MIB, "83"))), 3 << 40, Last.LAST)
    assert large.label is not None
    assert large.label.areas[0].end == 2 << 40
    assert sizes(lay(disk(gpt(Partition(1, MIB, 20 * MIB, "l"))), 3 << 40, Last.LAST))[1] > 2 << 20


def test_an_empty_container_behind_stops_growing() -> None:
    """What lies in that gap may be its records."""
    label = mbr(Partition(1, MIB, 4 * MIB, "83"), Partition(2, 8 * MIB, 4 * MIB, "5"))
    assert not lay(disk(label, minimal=4 * MIB), SIZE, Last.LAST).edits


@pytest.mark.parametrize(
    ("kind", "make", "size"),
    [
        ("ext4", ("mke2fs", "-q", "-F", "-t", "ext4", "DEVICE", "20M"), 20 * MIB),
        ("ext2", ("mke2fs", "-q", "-F", "-t", "ext2", "-b", "4096", "DEVICE", "3000"), 3000 * 4096),
        (
            "ntfs",
            ("mkntfs", "-q", "-F", "-f", "-p", "0", "-H", "255", "-S", "63", "DEVICE", "40960"),
            40960 * 512,
        ),
        ("xfs", ("mkfs.xfs", "-q", "-d", "file,name=DEVICE,size=310m"), 310 * MIB),
        ("btrfs", ("mkfs.btrfs", "-q", "-b", "200m", "DEVICE"), 200 * MIB),
        ("vfat", ("mkfs.fat", "DEVICE", "8192"), 320 * MIB),
    ],
)
def test_a_file_system_tells_its_own_size(
    kind: str, make: tuple[str, ...], size: int, tmp_path: Path
) -> None:
    """As its maker was told; where nothing is known, all of the partition."""
    blank(tmp_path / "fs", 320)
    run(*(word.replace("DEVICE", str(tmp_path / "fs")) for word in make))
    with (tmp_path / "fs").open("r+b") as file:
        file.truncate(320 * MIB)
        content = file.read(MIB)
    assert fs_size(kind, lambda at, length: content[at : at + length], 320 * MIB) == size


def test_a_damaged_superblock_claims_no_more_than_the_partition() -> None:
    """Sizes from a disk are not to be believed."""
    for kind in ("ext4", "ntfs", "xfs", "btrfs"):
        assert fs_size(kind, lambda _at, length: b"\xff" * length, MIB) == MIB
        assert fs_size(kind, lambda _at, _length: b"", MIB) == MIB


def test_a_grown_partition_keeps_no_backup_of_an_earlier_disks_table(tmp_path: Path) -> None:
    """It ends with the disk then, and firmware looks for a GPT in the last sector."""
    part, source, target = tmp_path / "part", tmp_path / "source", tmp_path / "target"
    ext4(part, 8, "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a11")
    start = partition(source, 10, "label: dos", (Slot(1, 8, "83"),))[1]
    insert(source, start, part)
    image = capture_file(source)
    target.write_bytes(b"\xa5" * (15 * MIB) + bytes(MIB - 512) + b"EFI PART".ljust(512, b"\xa5"))
    layout = lay(image.manifest, 16 * MIB, Last.LAST)
    with Device.open(target, writable=True) as device:
        Restore(layout, image.chunks, device).run()
    assert sizes(layout) == {1: 15}
    assert target.read_bytes()[15 * MIB :] == bytes(MIB)
