"""Which kind of image a name is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from initramfs.imaging.errors import CaptureError
from initramfs.imaging.format.header import Kind
from initramfs.imaging.format.names import is_of_disk, why_other_kind
from tests.images.disk import Slot, partition
from tests.images.in_memory import capture_file

DISK, PART = Kind.DISK, Kind.PARTITION


@pytest.mark.parametrize(
    ("name", "of_disk"),
    [
        ("sda_InitClone", True),
        ("nvme0n1_Golden", True),
        ("disk_Golden", True),
        ("sda5_Debian", False),
        ("nvme0n1p2_Root", False),
        ("golden", False),
        ("sda", False),
    ],
)
def test_names_of_whole_devices(name: str, of_disk: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """In CloneSys style."""
    assert is_of_disk(name) == of_disk


@pytest.mark.parametrize(
    ("name", "kind", "first", "part", "why"),
    [
        ("sda5_X", PART, None, True, ""),
        ("sda5_X", PART, PART, False, ""),
        ("sda5_X", DISK, None, False, "partition 5"),
        ("sda_X", DISK, DISK, False, ""),
        ("sda_X", PART, None, True, "for a whole disk"),
        ("sda_X", PART, None, False, ""),  # a device without a table
        ("golden", DISK, None, False, ""),
        ("golden", PART, None, True, ""),
        ("golden", DISK, PART, False, "is the image of a partition"),
        ("golden", PART, DISK, True, "is the image of a disk"),
        ("sda_X", PART, DISK, False, "is the image of a disk"),
    ],
)
def test_a_name_and_a_first_generation_fix_the_kind(
    name: str,
    kind: Kind,
    first: Kind | None,
    part: bool,  # noqa: FBT001 - a parameter of the test
    why: str,
) -> None:
    """Whatever comes later has to be the same."""
    found = why_other_kind(name, kind, first, part=part)
    assert bool(found) == bool(why)
    assert why in found


def test_a_capture_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    """Where ``--partition`` was forgotten, and where it was too much."""
    partition(tmp_path / "disk", 8, "label: dos", (Slot(1, 2, "83"),))
    with pytest.raises(CaptureError, match="sda1_Data is a name for partition 1, and this is a whole disk"):
        capture_file(tmp_path / "disk", "sda1_Data")
    with pytest.raises(CaptureError, match="sda_Golden is a name for a whole disk"):
        capture_file(tmp_path / "disk", "sda_Golden", partition=1)
    assert capture_file(tmp_path / "disk", "sda1_Data", partition=1).manifest.header.kind is PART
