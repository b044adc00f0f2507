"""What of a device lies in no partition, devices as one piece, and devices that hold nothing."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import CaptureError, LabelError
from initramfs.imaging.format.header import Kind
from initramfs.imaging.label import read_label
from initramfs.imaging.label.places import BOOT_CODE, table_spans
from tests.images.disk import SECTOR, Slot, partition
from tests.images.filesystems import blank
from tests.images.in_memory import MIB, capture_file, restore_file
from tests.images.tables import Spot, write_gpt
from tests.lab.command import run

SIZE = 40
MBR = (Slot(1, 4, "83"), Slot(2, 12, "5"), Slot(5, 2, "83"), Slot(6, 2, "83"))
GPT = (Slot(1, 4, "linux"), Slot(3, 4, "linux"))


def used_disk(path: Path, label: str, slots: tuple[Slot, ...]) -> dict[int, int]:
    """A disk full of an earlier life, with a new table; partitions hold noise of their own."""
    noise = path.with_name("noise")
    starts = partition(noise, SIZE, label, slots)
    empty = noise.read_bytes()
    path.write_bytes(random.Random(1).randbytes(SIZE * MIB))
    with path.open("r+b") as file, Device.open(noise) as device:
        found = read_label(device.read, device.size, SECTOR)
        assert found is not None
        for start, end in table_spans(device.read, found, device.size, SECTOR):
            file.seek(start)
            file.write(empty[start:end])
    return starts


@pytest.mark.parametrize(("label", "slots"), [("label: dos", MBR), ("label: gpt", GPT)], ids=["mbr", "gpt"])
def test_an_earlier_life_outside_of_partitions_is_said(
    label: str, slots: tuple[Slot, ...], tmp_path: Path
) -> None:
    """With its size; it is kept, because it may be meant."""
    used_disk(tmp_path / "disk", label, slots)
    image = capture_file(tmp_path / "disk", "sda_Golden")
    (warning,) = image.manifest.header.warnings
    outside = SIZE - 1 - sum(slot.size for slot in slots if slot.type != "5")
    assert warning.startswith(f"{outside} MiB that are not zero lie in no partition, and are kept")
    assert "--only-partitions" in warning
    restore_file(image, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == (tmp_path / "disk").read_bytes()


@pytest.mark.parametrize(("label", "slots"), [("label: dos", MBR), ("label: gpt", GPT)], ids=["mbr", "gpt"])
def test_only_partitions_leaves_it_out(label: str, slots: tuple[Slot, ...], tmp_path: Path) -> None:
    """All tables (the logical partitions' records, the GPT's backup), boot code and partitions come back."""
    path, target = tmp_path / "disk", tmp_path / "target"
    used_disk(path, label, slots)
    image = capture_file(path, "sda_Golden", only_partitions=True)
    restore_file(image, target)
    with Device.open(path) as before, Device.open(target) as after:
        found = read_label(before.read, before.size, SECTOR)
        assert found is not None
        assert read_label(after.read, after.size, SECTOR) == found
        spans = table_spans(before.read, found, before.size, SECTOR)
        spans += [(area.start, area.end) for area in found.areas]
        assert all(after.read(at, end - at) == before.read(at, end - at) for at, end in spans)
    kept = sum(item.length for item in image.manifest.index)
    assert kept < (2 + sum(slot.size for slot in slots if slot.type != "5")) * MIB
    (warning,) = image.manifest.header.warnings
    assert warning.endswith("MiB that lie in no partition were left out")


def test_empty_room_is_not_worth_a_word(tmp_path: Path) -> None:
    """A new disk, or one whose gaps hold a little."""
    partition(tmp_path / "disk", SIZE, "label: gpt", GPT)
    with (tmp_path / "disk").open("r+b") as file:
        file.seek(20 * MIB)
        file.write(b"little")
    assert capture_file(tmp_path / "disk", "sda_Golden").manifest.header.warnings == ()


def test_a_gpt_whose_entries_lie_elsewhere_is_kept_with_them() -> None:
    """Its header says where; of a boot code area so much as boot code has."""
    disk = bytearray(SIZE * MIB)
    write_gpt(disk, [Spot(1, 60 * 2048 // 2, 2048)], 128)
    at = SECTOR + 72
    (lba,) = struct.unpack_from("<Q", disk, at)
    assert lba == 2

    def read(offset: int, length: int) -> bytes:
        return bytes(disk[offset : offset + length])

    label = read_label(read, len(disk), SECTOR)
    assert label is not None
    first, *others = table_spans(read, label, len(disk), SECTOR)
    assert first == (0, BOOT_CODE)
    assert others == [(len(disk) - 33 * SECTOR, len(disk))]


def test_a_gpt_whose_backup_lies_behind_the_end_is_kept_without_it(tmp_path: Path) -> None:
    """As on a disk that was copied into less room; moved to another size, it has one again."""
    path, target = tmp_path / "disk", tmp_path / "target"
    partition(path, SIZE, "label: gpt", GPT)
    os.truncate(path, 20 * MIB)
    image = capture_file(path, "sda_Golden")
    restore_file(image, target)
    assert target.read_bytes() == path.read_bytes()
    os.truncate(target, 30 * MIB)
    restore_file(image, target)
    assert "No errors detected" in run("sfdisk", "--verify", target)


def isohybrid(path: Path) -> None:
    """As Debian's: a partition from sector 0 over all, another inside of it."""
    content = bytearray(random.Random(3).randbytes(8 * MIB))
    content[440:512] = bytes(72)
    for slot, (flag, kind, start, count) in enumerate([(0x80, 0, 0, 16384), (0, 0xEF, 3000, 5760)]):
        struct.pack_into("<B3sB3sII", content, 446 + 16 * slot, flag, b"", kind, b"", start, count)
    content[510:512] = b"\x55\xaa"
    path.write_bytes(content)


def test_a_stick_made_of_an_iso_image_is_kept_as_one_piece(tmp_path: Path) -> None:
    """Its partitions overlap; as a whole it comes back byte for byte, on a disk that had another table."""
    isohybrid(tmp_path / "stick")
    with pytest.raises(LabelError, match="partitions 1 and 2 overlap") as caught:
        capture_file(tmp_path / "stick", "sda_Installer")
    assert "'image capture --raw'" in caught.value.hint
    image = capture_file(tmp_path / "stick", "sda_Installer", raw=True)
    header = image.manifest.header
    assert (header.kind, header.label, header.filesystems, header.is_raw) == (Kind.DISK, None, (), True)
    assert header.warnings == ("kept as one piece, without looking into it",)
    partition(tmp_path / "target", 16, "label: gpt", (Slot(1, 4, "linux"),))
    restore_file(image, tmp_path / "target", 16 * MIB)
    assert (tmp_path / "target").read_bytes()[: 8 * MIB] == (tmp_path / "stick").read_bytes()


def test_force_keeps_it_as_one_piece_and_says_why(tmp_path: Path) -> None:
    """A table that contradicts itself is overridden like other things; not when a part of it is asked for."""
    isohybrid(tmp_path / "stick")
    image = capture_file(tmp_path / "stick", "sda_Installer", force=True)
    assert image.manifest.header.warnings == ("kept as one piece: partitions 1 and 2 overlap",)
    with pytest.raises(LabelError, match="overlap"):
        capture_file(tmp_path / "stick", "sda1_Installer", force=True, partition=1)


@pytest.mark.parametrize(
    "how",
    [
        lambda path: capture_file(path, "sda_X", raw=True, partition=1),
        lambda path: capture_file(path, "sda_X", raw=True, empty=[1]),
        lambda path: capture_file(path, "sda_X", raw=True, only_partitions=True),
        lambda path: capture_file(path, "sda1_X", partition=1, only_partitions=True),
    ],
)
def test_what_contradicts_itself_is_refused(how: Callable[[Path], object], tmp_path: Path) -> None:
    """A device that is one piece has no parts, and a partition no others."""
    partition(tmp_path / "disk", SIZE, "label: gpt", GPT)
    with pytest.raises(CaptureError):
        how(tmp_path / "disk")


@pytest.mark.parametrize("raw", [False, True])
def test_nothing_is_no_image(raw: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter of the test
    """A file of 0 bytes, a card reader without a card: in words, also as one piece."""
    blank(tmp_path / "file", 0)
    with pytest.raises(CaptureError, match="is empty: it has 0 bytes") as caught:
        capture_file(tmp_path / "file", "sda_Nothing", raw=raw)
    assert caught.value.hint
