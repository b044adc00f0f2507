"""What a manifest records of file systems, made with their own tools: a restore knows it before it writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from initramfs.imaging.filesystem.facts import facts_of
from initramfs.imaging.filesystem.ntfs import bad_clusters
from tests.images import content
from tests.images.bad_clusters import mark_bad
from tests.images.filesystems import MIB, blank
from tests.images.in_memory import capture_file
from tests.lab.command import run

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")


def facts(kind: str, path: Path) -> dict[str, int] | None:
    """As a capture records them."""

    def read(at: int, length: int) -> bytes:
        with path.open("rb") as file:
            file.seek(at)
            return file.read(length)

    return facts_of(kind, read)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("-O", "bigalloc"), {"bigalloc"}),
        (("-O", "^64bit"), set[str]()),
        (("-O", "64bit,stable_inodes"), {"64bit", "stable_inodes"}),
        (("-O", "^has_journal"), set[str]()),
    ],
)
def test_features_of_an_ext4_that_tools_stumble_over(
    options: tuple[str, ...], found: set[str], tmp_path: Path
) -> None:
    """Each is recorded, whether it is there or not."""
    path = tmp_path / "image"
    blank(path, 32)
    run("mkfs.ext4", "-q", "-F", *(("-O", "^64bit") if "64bit" not in found else ()), *options, path)
    told = facts("ext4", path)
    assert told is not None
    assert {name for name, value in told.items() if value} == found
    assert {"bigalloc", "external_journal", "orphan_file"} <= set(told)


@pytest.mark.root
@ROOT
def test_a_journal_elsewhere(tmp_path: Path) -> None:
    """The file system names the journal's device, and has none inside."""
    path, journal = tmp_path / "image", tmp_path / "journal"
    blank(path, 32)
    blank(journal, 16)
    run("mkfs.ext4", "-q", "-F", "-b", "1024", "-O", "journal_dev", journal)
    with content.loop(journal) as device:
        run("mkfs.ext4", "-q", "-F", "-b", "1024", "-J", f"device={device}", path)
    assert (facts("ext4", path) or {})["external_journal"] == 1


def test_bad_clusters_of_an_ntfs_are_counted(tmp_path: Path) -> None:
    """As chkdsk marks them; a healthy volume has a list without any."""
    path = tmp_path / "image"
    blank(path, 32)
    run("mkntfs", "-q", "-F", "-f", "-p", "2048", path)
    assert facts("ntfs", path) == {"bad_clusters": 0}
    mark_bad(path, 5000, 3)
    assert "at least 3 bad sectors" in run("sh", "-c", f"ntfsresize -f -f --info {path} 2>&1 || :")
    assert facts("ntfs", path) == {"bad_clusters": 3}


def test_an_ntfs_without_a_list_of_bad_clusters_tells_nothing() -> None:
    """No number is made up."""
    assert bad_clusters(lambda _at, length: bytes(length)) is None
    assert facts_of("ntfs", lambda _at, length: b"\xff" * length) in ({}, None)


@pytest.mark.root
@ROOT
def test_a_log_elsewhere(tmp_path: Path) -> None:
    """Of an XFS."""
    path, log = tmp_path / "image", tmp_path / "log"
    blank(path, 320)
    blank(log, 80)
    run("mkfs.xfs", "-q", path)
    assert facts("xfs", path) == {"external_log": 0, "realtime": 0}
    with content.loop(log) as device:
        run("mkfs.xfs", "-q", "-f", "-l", f"logdev={device}", path)
    assert facts("xfs", path) == {"external_log": 1, "realtime": 0}


@pytest.mark.root
@ROOT
def test_the_device_and_the_default_subvolume_of_a_btrfs(tmp_path: Path) -> None:
    """After a move to another disk it is the second device, though it is the only one."""
    old, new = tmp_path / "old", tmp_path / "new"
    for path in (old, new):
        blank(path, 200)
    run("mkfs.btrfs", "-q", old)
    assert facts("btrfs", old) == {"devices": 1, "devid": 1, "default_subvolume": 5}
    with content.loop(old) as one, content.loop(new) as two, content.mounted(one, "btrfs") as place:
        run("btrfs", "subvolume", "create", place / "@rootfs")
        run("btrfs", "subvolume", "set-default", place / "@rootfs")
        run("btrfs", "device", "add", "-f", two, place)
        run("sync", "-f", place)
        both = facts("btrfs", new)
        run("btrfs", "device", "remove", one, place)
    assert both == {"devices": 2, "devid": 2}
    assert facts("btrfs", new) == {"devices": 1, "devid": 2, "default_subvolume": 256}


def test_f2fs_counts_its_devices(tmp_path: Path) -> None:
    """One alone has no table of them."""
    paths = [tmp_path / name for name in ("one", "two")]
    for path in paths:
        blank(path, 64)
    run("mkfs.f2fs", "-q", "-f", paths[0])
    assert facts("f2fs", paths[0]) == {"devices": 1}
    run("mkfs.f2fs", "-q", "-f", "-c", paths[1], paths[0])
    assert facts("f2fs", paths[0]) == {"devices": 2}


def test_an_image_carries_them(tmp_path: Path) -> None:
    """From the source into the manifest; of a kind that has no facts nothing is said."""
    path = tmp_path / "image"
    blank(path, 8)
    run("mkfs.ext4", "-q", "-F", path)
    (found,) = capture_file(path, "sda5_Data").manifest.header.filesystems
    assert found.fact("bigalloc") == 0
    run("mkswap", "-q", path)
    (found,) = capture_file(path, "sda5_Data").manifest.header.filesystems
    assert (found.type, found.facts) == ("swap", None)
    assert path.stat().st_size == 8 * MIB
