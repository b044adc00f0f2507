"""A Btrfs that was used: its trees are more than what mkfs makes."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.images import content
from tests.images.filesystems import MIB, blank
from tests.images.in_memory import capture_file, restore_file
from tests.lab.command import run

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root"),
]

SIZE = 130


@pytest.mark.parametrize("seed", range(2))
def test_a_used_btrfs_comes_back_with_all_its_metadata(seed: int, tmp_path: Path) -> None:
    """Snapshots, files that came and went: every block of every tree, on a disk that holds something else."""
    path, target, rng = tmp_path / "image", tmp_path / "target", random.Random(seed)
    blank(path, SIZE)
    run("mkfs.btrfs", "-q", path)
    with content.loop(path) as device, content.mounted(device, "btrfs") as place:
        for turn in ("before", "after"):
            for number in range(400):
                size = rng.choice([0, 60, 700, 1500, 5000, 30_000])
                (place / f"{turn}{number}").write_bytes(rng.randbytes(size))
            for number in range(0, 400, 3):
                (place / f"{turn}{number}").unlink()
            run("btrfs", "subvolume", "snapshot", place, place / f"snapshot-{turn}")
            run("sync", "-f", place)
    target.write_bytes(b"\xa5" * SIZE * MIB)
    restore_file(capture_file(path, "sda5_Data"), target)
    run("btrfs", "check", "--check-data-csum", target)
    with content.loop(target) as device, content.mounted(device, "btrfs") as place:
        assert "no errors found" in run("btrfs", "scrub", "start", "-B", "-r", place)
