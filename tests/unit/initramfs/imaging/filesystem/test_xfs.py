"""The map of an XFS, read from its trees of free blocks; partclone's is wrong from 2^32 blocks on."""

from __future__ import annotations

import hashlib
import os
import random
import struct
import subprocess
from pathlib import Path

import pytest

from initramfs.imaging.errors import CaptureError
from initramfs.imaging.filesystem import xfs
from initramfs.imaging.filesystem.used_blocks import parse_used_blocks
from initramfs.imaging.label.model import Reader
from initramfs.imaging.spans import subtract, total
from tests.images import content
from tests.images.filesystems import MIB, blank
from tests.images.in_memory import capture_file, restore_file
from tests.lab.command import run

SIZE = 320
KEPT_FOR_TREES = 64
"""Blocks that its groups put aside for their trees; partclone calls them free."""

root = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")


def reader(path: Path) -> Reader:
    """Of a file."""

    def read(at: int, length: int) -> bytes:
        with path.open("rb") as file:
            file.seek(at)
            return file.read(length)

    return read


def made(tmp_path: Path, *options: str) -> Path:
    """An empty one."""
    path = tmp_path / "image"
    blank(path, SIZE)
    run("mkfs.xfs", "-q", "-f", *options, path)
    return path


def change(path: Path, at: int, shape: str, value: int) -> None:
    """Another number at a place."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(struct.pack(shape, value))


@pytest.mark.root
@root
@pytest.mark.parametrize("options", [(), ("-b", "size=1024", "-m", "rmapbt=1")], ids=["", "1k-rmap"])
def test_a_small_one_is_read_as_partclone_reads_it(options: tuple[str, ...], tmp_path: Path) -> None:
    """Thousands of free extents, in trees of several levels: nothing in use is left out."""
    path, found = made(tmp_path, *options), tmp_path / "map"
    size = xfs.superblock(reader(path)).block_size
    with content.loop(path) as device, content.mounted(device, "xfs") as place:
        (place / "big").write_bytes(random.Random(1).randbytes(6000 * size))
        holes = "".join(f"fpunch {number * size} {size}\n" for number in range(0, 6000, 2))
        subprocess.run(["xfs_io", place / "big"], input=holes.encode(), check=True, capture_output=True)
    run("partclone.xfs", "-D", "-q", "-s", path, "-o", found, "-L", tmp_path / "log")
    theirs = parse_used_blocks(found.read_text(), SIZE * MIB)
    free = xfs.free(reader(path))
    ours = list(subtract([(0, SIZE * MIB)], free))
    assert len(free) > 3000
    assert not list(subtract(theirs, ours))
    assert total(list(subtract(ours, theirs))) < KEPT_FOR_TREES * size


@pytest.mark.root
@root
def test_more_than_2_to_the_32_blocks_come_back(tmp_path: Path) -> None:
    """Where partclone cuts numbers: 4.1 TiB in blocks of 1 KiB."""
    path, target = tmp_path / "image", tmp_path / "target"
    with path.open("wb") as file:
        file.truncate(4200 << 30)
    run("mkfs.xfs", "-q", "-b", "size=1024", "-l", "size=64m", path)
    with content.loop(path) as device, content.mounted(device, "xfs") as place:
        (place / "file").write_bytes(random.Random(2).randbytes(20 * MIB))
    image = capture_file(path, "sda1_Large")
    assert xfs.superblock(reader(path)).blocks > 1 << 32
    assert image.manifest.header.warnings == ()
    restore_file(image, target)
    with content.loop(target) as device, content.mounted(device, "xfs") as place:
        back = hashlib.sha256((place / "file").read_bytes())
    assert back.digest() == hashlib.sha256(random.Random(2).randbytes(20 * MIB)).digest()


def test_trees_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    """Another number of free blocks, a group of another number, extents that overlap, no tree."""
    path = made(tmp_path)
    found = xfs.superblock(reader(path))
    header = found.sector_size
    tree = struct.unpack(">I", reader(path)(header + 16, 4))[0] * found.block_size
    for at, shape, value, reason in (
        (header + 52, ">I", 7, "counts 7 free blocks"),
        (header + 8, ">I", 1, "no header"),
        (header + 28, ">I", 200, "no header"),
        (header + 12, ">I", 1 << 31, "has 2147483648 blocks"),
        (tree + 4, ">H", 1, "no node"),
        (tree + 16, ">Q", 1, "no node"),
        (tree + 48, ">I", 3, "no node"),
        (tree + 56, ">I", 1 << 31, "overlap or lie outside"),
        (tree + 60, ">I", 0, "overlap or lie outside"),
    ):
        before = reader(path)(at, struct.calcsize(shape))
        change(path, at, shape, value)
        with pytest.raises(CaptureError, match=reason):
            xfs.free(reader(path))
        change(path, at, shape, struct.unpack(shape, before)[0])
    assert xfs.free(reader(path))
    with pytest.raises(CaptureError, match="ends before"):
        xfs.free(lambda at, length: reader(path)(at, length)[: max(0, MIB - at)])


def test_what_its_superblock_says_is_believed(tmp_path: Path) -> None:
    """Needs repair: refused. Features that are not known: kept whole."""
    path = made(tmp_path)
    change(path, xfs.FEATURES, ">I", 0x1B)
    with pytest.raises(CaptureError, match="needs repair"):
        capture_file(path, "sda5_Data")
    change(path, xfs.FEATURES, ">I", 0x403)
    assert xfs.why_whole(reader(path)).endswith("not known here (0x400)")
    change(path, xfs.FEATURES, ">I", 0x3)
    assert not xfs.why_whole(reader(path))
    change(path, 126, ">B", 1)
    assert "not made to its end" in xfs.why_dirty(reader(path))


@pytest.mark.root
@root
def test_with_a_log_elsewhere_it_is_kept_whole(tmp_path: Path) -> None:
    """Only the log knows whether it must be replayed: nobody is told that the file system is not in order."""
    path, log = tmp_path / "image", tmp_path / "log"
    blank(path, SIZE)
    blank(log, 80)
    with content.loop(log) as device:
        run("mkfs.xfs", "-q", "-f", "-l", f"logdev={device}", path)
    image = capture_file(path, "sda5_Data")
    (warning,) = image.manifest.header.warnings
    assert warning.startswith("xfs at byte 0 kept whole: its log lies on another device")
    assert image.manifest.header.filesystems[0].used == SIZE * MIB
