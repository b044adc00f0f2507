"""Swap and page files as systems really leave them: written through kernel drivers, in pieces, shared.

Which sectors are theirs is told by a mark in them; the tools that the engine asks have no say in it.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from initramfs.imaging.capture.capture import Facts, capture
from initramfs.imaging.device.device import Device
from initramfs.imaging.device.loop import loop_device
from tests.images import filesystems
from tests.images.disk import Slot, insert, partition
from tests.images.in_memory import MIB, Captured, MemoryChunks, capture_file, restore_file, signed
from tests.images.swap import PAGE, SECTOR, assert_only_memory_is_gone, memory, swap_file
from tests.lab.command import run

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
]

SWAP = 3 * MIB
COMPRESS = 0x810
"""Attributes of a folder of NTFS whose new files are compressed."""


@contextmanager
def mounted(image: Path, options: str = "rw") -> Iterator[Path]:
    """The file system in a file."""
    place = image.with_name("mounted")
    place.mkdir(exist_ok=True)
    kind = "ntfs-3g" if "ntfs" in image.name else "auto"
    with loop_device(image, 0, image.stat().st_size, writable="rw" in options) as loop:
        run("mount", "-t", kind, "-o", options, loop, place)
        try:
            yield place
        finally:
            run("umount", place)


def made(tmp_path: Path, kind: str) -> Path:
    """An empty file system, as a file."""
    path = tmp_path / kind
    filesystems.blank(path, {"xfs": 320, "btrfs": 128}.get(kind, 48))
    run("mkntfs", "-q", "-F", "-f", path) if kind == "ntfs" else run(f"mkfs.{kind}", "-q", path)
    return path


def in_pieces(place: Path, name: str, seed: int) -> int:
    """Write a marked file while others come and go, so that it lies in many pieces; its sectors."""
    rng = random.Random(seed)
    content, at = memory(SWAP), 0
    file = os.open(place / name, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for number in range(10_000):
            if at == SWAP:
                break
            count = PAGE * rng.randrange(1, 12)
            at += os.pwrite(file, content[at : at + count], at)
            os.fsync(file)
            other = place / f"other{number}"
            other.write_bytes(rng.randbytes(rng.randrange(1, 40_000)))
            if number > 4 and rng.random() < 0.4:
                (place / f"other{number - rng.randrange(1, 5)}").unlink(missing_ok=True)
    finally:
        os.close(file)
    return SWAP // SECTOR


def warnings(image: Captured) -> list[str]:
    """What the image says of itself, without the file system's place."""
    return [warning.partition(": ")[2] for warning in image.manifest.header.warnings]


def lost(path: Path) -> tuple[int, Captured]:
    """How many sectors a capture without swap files does not keep; see assert_only_memory_is_gone."""
    image = capture_file(path, without_swap=True)
    restore_file(capture_file(path), path.with_name("full"))
    restore_file(image, path.with_name("lean"))
    return assert_only_memory_is_gone(path.with_name("full"), path.with_name("lean")), image


@pytest.mark.parametrize("kind", ["ext2", "ext4", "xfs"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_swap_file_in_pieces_is_left_out_alone(kind: str, seed: int, tmp_path: Path) -> None:
    """Every piece of it, and no sector of its neighbours."""
    path = made(tmp_path, kind)
    with mounted(path) as place:
        sectors = in_pieces(place, "swapfile", seed)
        run("mkswap", "-q", place / "swapfile")
    gone, image = lost(path)
    assert gone == sectors - PAGE // SECTOR
    assert warnings(image) == ["/swapfile left out, 3 MiB"]
    check = {"xfs": ("xfs_repair", "-n")}.get(kind, ("e2fsck", "-fn"))
    run(*check, tmp_path / "lean")


@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="there is no /dev/fuse here")
@pytest.mark.parametrize("seed", [1, 2])
def test_a_page_file_in_pieces_is_left_out_alone(seed: int, tmp_path: Path) -> None:
    """In so many that one record of the file table cannot hold their list."""
    path = made(tmp_path, "ntfs")
    with mounted(path) as place:
        fill(place, random.Random(seed))
        (place / "pagefile.sys").write_bytes(memory(SWAP))
    assert "$ATTRIBUTE_LIST" in run("ntfsinfo", "-F", "/pagefile.sys", path)
    gone, image = lost(path)
    assert gone == SWAP // SECTOR
    assert warnings(image) == ["/pagefile.sys left out, 3 MiB"]
    run("ntfsfix", "--no-action", tmp_path / "lean")


def fill(place: Path, noise: random.Random) -> None:
    """Leave no room but holes of two clusters each."""
    for number in range(1200):
        (place / f"other{number}").write_bytes(noise.randbytes(8192))
    with (place / "rest").open("wb", buffering=0) as file:
        while chunk := os.statvfs(place).f_bavail * PAGE:
            file.write(noise.randbytes(min(chunk, MIB)))
    for number in range(noise.randrange(2), 1200, 2):
        (place / f"other{number}").unlink()


@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="there is no /dev/fuse here")
def test_a_compressed_page_file_is_kept(tmp_path: Path) -> None:
    """Windows makes none; where one is, what lies on the disk is not what the file holds."""
    path = made(tmp_path, "ntfs")
    with mounted(path, "rw,compression") as place:
        os.setxattr(place, "system.ntfs_attrib", COMPRESS.to_bytes(4, "little"))
        (place / "pagefile.sys").write_bytes(memory(SWAP))
    gone, image = lost(path)
    assert gone == 0
    assert warnings(image) == ["/pagefile.sys kept: it is compressed, encrypted or sparse"]


def test_a_swap_file_that_shares_its_blocks_is_kept(tmp_path: Path) -> None:
    """A reflinked copy may be the only one."""
    path = made(tmp_path, "xfs")
    with mounted(path) as place:
        swap_file(place / "swapfile", SWAP)
        run("cp", "--reflink=always", place / "swapfile", place / "copy")
        (place / "var").mkdir()
        swap_file(place / "var/swap", SWAP)
    gone, image = lost(path)
    assert gone == (SWAP - PAGE) // SECTOR
    assert warnings(image) == [
        "/swapfile kept: it shares blocks with other files, or did",
        "/var/swap left out, 3 MiB",
    ]


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_what_is_reserved_but_not_written_is_left_out_too(kind: str, tmp_path: Path) -> None:
    """Installers make swap files with fallocate: most of one may never have been written."""
    path = made(tmp_path, kind)
    with mounted(path) as place:
        run("fallocate", "-l", str(SWAP), place / "swapfile")
        (place / "swapfile").chmod(0o600)
        run("mkswap", "-q", place / "swapfile")
    assert warnings(capture_file(path, without_swap=True)) == ["/swapfile left out, 3 MiB"]


def test_swap_files_of_a_btrfs_are_kept(tmp_path: Path) -> None:
    """Its tools do not tell plainly where a file lies; the image says so."""
    path = made(tmp_path, "btrfs")
    with mounted(path) as place:
        (place / "swapfile").touch()
        run("chattr", "+C", place / "swapfile")
        swap_file(place / "swapfile", SWAP)
    gone, image = lost(path)
    assert gone == 0
    assert warnings(image) == ["swap files are not looked for in it, and kept"]


def test_nothing_is_left_out_of_a_source_in_use(tmp_path: Path) -> None:
    """With force it can be captured, but where its files lie may change on the way."""
    path = made(tmp_path, "ext4")
    with mounted(path) as place:
        swap_file(place / "swapfile", SWAP)
    with mounted(path, "ro,noload"), Device.open(path, shared=True) as source:
        draft = capture(source, Facts("sda_Used"), MemoryChunks(), force=True, without_swap=True)
    assert draft.header.warnings == (f"{path} was in use: swap files were kept",)
    assert list(draft.ranges) == list(capture_file(path).manifest.index)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "ntfs"])
def test_tools_read_a_block_device_that_the_engine_holds(kind: str, tmp_path: Path) -> None:
    """A bare partition is open exclusively all the while."""
    path = made(tmp_path, kind)
    name = "pagefile.sys" if kind == "ntfs" else "swapfile"
    swap_file(tmp_path / name, SWAP)
    if kind == "ntfs":
        run("ntfscp", "-q", path, tmp_path / name, name)
    else:
        with mounted(path) as place:
            shutil.copy(tmp_path / name, place)
    with loop_device(path, 0, path.stat().st_size) as loop, Device.open(loop) as source:
        draft = capture(source, Facts("sda5_Bare"), MemoryChunks(), without_swap=True)
    assert draft.header.warnings == (f"{kind} at byte 0: /{name} left out, 3 MiB",)


def test_partitions_of_a_disk_each_lose_their_own(tmp_path: Path) -> None:
    """Offsets count from the partition; captured from a block device."""
    disk, tree = tmp_path / "disk", tmp_path / "tree"
    tree.mkdir()
    starts = partition(disk, 80, "label: dos", (Slot(1, 32, "83"), Slot(2, 0, "7")))
    (tree / "kept").write_bytes(random.Random(1).randbytes(700_000))
    swap_file(tree / "swapfile", SWAP)
    filesystems.ext4(tmp_path / "part1", 32, "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a11", tree)
    (tree / "swapfile").write_bytes(memory(SWAP))
    (tree / "swapfile").rename(tree / "pagefile.sys")
    filesystems.ntfs(tmp_path / "part2", 40, starts[2], tree)
    for number in (1, 2):
        insert(disk, starts[number], tmp_path / f"part{number}")
    chunks = MemoryChunks()
    with loop_device(disk, 0, disk.stat().st_size) as loop, Device.open(loop) as source:
        draft = capture(source, Facts("sda_Both"), chunks, without_swap=True)
    assert draft.header.warnings == (
        f"ext4 at byte {starts[1] * 512}: /swapfile left out, 3 MiB",
        f"ntfs at byte {starts[2] * 512}: /pagefile.sys left out, 3 MiB",
    )
    restore_file(Captured(signed(draft.header, draft.ranges), chunks), tmp_path / "lean")
    restore_file(capture_file(disk), tmp_path / "full")
    gone = assert_only_memory_is_gone(tmp_path / "full", tmp_path / "lean")
    assert gone == (2 * SWAP - PAGE) // SECTOR
