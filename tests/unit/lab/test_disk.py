"""Golden disks are put together without devices: what is laid in is there, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.images.disk import SECTOR, Slot, insert, partition
from tests.images.filesystems import MIB, blank

if TYPE_CHECKING:
    from pathlib import Path


def test_a_table_like_that_of_1999_has_its_numbers(tmp_path: Path) -> None:
    """Primary, extended and logical partitions, on whole MiB."""
    slots = (
        Slot(1, 2, "83", "bootable"),
        Slot(2, 2, "83"),
        Slot(4, 0, "5"),
        Slot(5, 2, "83"),
        Slot(6, 2, "c"),
    )
    starts = partition(tmp_path / "disk", 16, "label: dos", slots)
    assert starts.keys() == {1, 2, 4, 5, 6}
    assert all(start * SECTOR % MIB == 0 for start in starts.values())


def test_holes_stay_holes(tmp_path: Path) -> None:
    """Only data is copied, to its place."""
    part, disk = tmp_path / "part", tmp_path / "disk"
    blank(part, 8)
    blank(disk, 16)
    with part.open("r+b") as file:
        file.seek(5 * MIB)
        file.write(b"data")
    insert(disk, 2 * MIB // SECTOR, part)
    content = disk.read_bytes()
    assert content[7 * MIB : 7 * MIB + 4] == b"data"
    assert not any(content[: 7 * MIB])
    assert disk.stat().st_blocks * SECTOR < MIB
