"""FAT and NTFS that go to another place say where they begin: both copies of their boot sectors."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from initramfs.imaging.device.device import Device
from initramfs.imaging.filesystem.boot_sector import corrections
from initramfs.imaging.label import read_label
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Different
from tests.images.disk import Slot, insert, partition
from tests.images.filesystems import blank
from tests.images.in_memory import MIB, Captured, capture_file
from tests.lab.command import run

SIZE = 40
NTFS = ("mkntfs", "-q", "-F", "-f", "-p", "2048", "-H", "255", "-S", "63")
MAKERS = {
    "ntfs": NTFS,
    "fat32": ("mkfs.fat", "-F", "32", "-h", "2048"),
    "fat16": ("mkfs.fat", "-F", "16", "-h", "2048"),
    "zero": ("mkfs.fat", "-F", "32", "-h", "0"),
    "ext4": ("mkfs.ext4", "-q", "-F"),
}
COPIES = {
    "ntfs": (0, SIZE * MIB - 512),
    "fat32": (0, 6 * 512),
    "fat16": (0,),
    "zero": (0, 6 * 512),
    "ext4": (),
}


def image_of(kind: str, folder: Path) -> Captured:
    """An image of the first partition of a disk, from sector 2048 on."""
    blank(folder / "part", SIZE)
    run(*MAKERS[kind], folder / "part")
    starts = partition(folder / "disk", SIZE + 2, "label: dos", (Slot(1, SIZE, "7", "bootable"),))
    insert(folder / "disk", starts[1], folder / "part")
    return capture_file(folder / "disk", "sda1_Data", partition=1)


def hidden(data: bytes, kind: str) -> list[int]:
    """What the boot sectors say."""
    return [struct.unpack_from("<I", data, place + 28)[0] for place in COPIES[kind]]


@pytest.mark.parametrize(("kind", "says"), [("ntfs", 20480), ("fat32", 20480), ("fat16", 20480), ("zero", 0)])
def test_what_begins_elsewhere_says_so(kind: str, says: int, tmp_path: Path) -> None:
    """All else is as it was captured, also once more onto itself; nothing beside it changes."""
    image, target = image_of(kind, tmp_path), tmp_path / "target"
    partition(target, 80, "label: dos", (Slot(1, 9, "83"), Slot(2, SIZE, "7")))
    before = target.read_bytes()
    for _ in range(2):
        with Device.open(target, writable=True) as device:
            label = read_label(device.read, device.size, 512)
            layout = compose(
                target_size=device.size, sector_size=512, partitions={2: image.manifest}, label=label
            )
            Restore(layout, image.chunks, device, strategy=Different()).run()
        result = target.read_bytes()
        part, original = result[10 * MIB :][: SIZE * MIB], (tmp_path / "part").read_bytes()
        assert hidden(part, kind) == [says] * len(COPIES[kind])
        fixed = bytearray(original)
        for place in COPIES[kind]:
            struct.pack_into("<I", fixed, place + 28, says)
        assert part == fixed
        assert result[: 10 * MIB] == before[: 10 * MIB]
        assert result[(10 + SIZE) * MIB :] == before[(10 + SIZE) * MIB :]


def test_a_disk_comes_back_as_it_was_captured(tmp_path: Path) -> None:
    """Where nothing moved nothing is corrected, whatever the boot sector says."""
    image_of("ntfs", tmp_path)
    with (tmp_path / "disk").open("r+b") as file:
        file.seek(MIB + 28)
        file.write(struct.pack("<I", 63))
    image = capture_file(tmp_path / "disk")
    with Device.create(tmp_path / "target", (SIZE + 2) * MIB) as device:
        layout = compose(target_size=device.size, sector_size=512, disk=image.manifest)
        Restore(layout, image.chunks, device).run()
    assert hidden((tmp_path / "target").read_bytes()[MIB:], "ntfs") == [63, 2048]


def test_a_logical_partition_counts_from_its_record_and_stays(tmp_path: Path) -> None:
    """Nothing starts from it."""
    image, target = image_of("ntfs", tmp_path), tmp_path / "target"
    partition(target, 80, "label: dos", (Slot(1, 9, "83"), Slot(2, SIZE + 4, "5"), Slot(5, SIZE, "7")))
    with Device.open(target, writable=True) as device:
        label = read_label(device.read, device.size, 512)
        layout = compose(
            target_size=device.size, sector_size=512, partitions={5: image.manifest}, label=label
        )
        Restore(layout, image.chunks, device).run()
        place = layout.place(5)
    assert place is not None
    assert hidden(target.read_bytes()[place.start :], "ntfs") == [2048, 2048]


@pytest.mark.parametrize(
    "data", [bytes(512), b"\xff" * 4096, bytes(100), b"\0\0\0NTFS    ".ljust(512, b"\xff")]
)
def test_what_is_no_boot_sector_is_left_alone(data: bytes) -> None:
    """Nor one that makes no sense."""
    assert not list(corrections(lambda at, length: data[at : at + length], MIB))
