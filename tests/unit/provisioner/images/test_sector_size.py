"""How long the sectors of a disk in a file are."""

from __future__ import annotations

import pytest

from initramfs.imaging.errors import CaptureError
from initramfs.imaging.label.mbr import MAGIC
from provisioner.images.sector_size import sector_size_of
from tests.images.in_memory import MIB
from tests.images.tables import Spot, write_gpt, write_mbr


def of(disk: bytearray, *filesystems: int) -> int:
    """The sector size; file systems begin at these bytes."""
    return sector_size_of(
        lambda at, length: bytes(disk[at : at + length]), len(disk), lambda at, _: at in filesystems
    )


def test_a_gpt_tells_it() -> None:
    """By where its header lies."""
    disk = bytearray(8 * MIB)
    write_gpt(disk, [Spot(1, 2048, 100)], 128)
    assert of(disk) == 512
    four = bytearray(8 * MIB)
    four[:512], four[4096:4608] = disk[:512], disk[512:1024]
    assert of(four) == 4096


def test_two_gpts_are_not_guessed_at() -> None:
    """A disk that was used with both, or whose content was copied from one kind to the other."""
    disk = bytearray(8 * MIB)
    write_gpt(disk, [Spot(1, 2048, 100)], 4)
    disk[4096:4608] = disk[512:1024]
    with pytest.raises(CaptureError, match="sectors of 512 and of 4096") as caught:
        of(disk)
    assert "--sector-size" in caught.value.hint


def test_an_mbr_that_fits_one_size_only() -> None:
    """Partitions to the end of the disk cannot be eight times as far away."""
    disk = bytearray(8 * MIB)
    write_mbr(disk, [Spot(1, 2048, 4096)])
    assert of(disk) == 512


def test_an_mbr_that_fits_both_is_told_by_its_file_systems() -> None:
    """Where they begin; without any, or with some at both places, it is not guessed."""
    disk = bytearray(16 * MIB)
    write_mbr(disk, [Spot(1, 256, 256)])
    assert of(disk, 256 * 512) == 512
    assert of(disk, 256 * 4096) == 4096
    for places in ((), (256 * 512, 256 * 4096)):
        with pytest.raises(CaptureError, match="fits sectors of 512 and of 4096"):
            of(disk, *places)


def test_without_a_table_it_is_512_unless_the_file_system_says_so() -> None:
    """FAT, NTFS and exFAT know the sectors of their disk."""
    disk = bytearray(MIB)
    assert of(disk) == 512
    disk[3:11], disk[510:512] = b"NTFS    ", MAGIC
    for size in (512, 4096):
        disk[11:13] = size.to_bytes(2, "little")
        assert of(disk) == size
    disk[3:11], disk[108] = b"EXFAT   ", 12
    assert of(disk) == 4096
    assert of(bytearray()) == 512
