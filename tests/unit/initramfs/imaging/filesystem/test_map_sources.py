"""What is clean and cannot be mapped is kept whole, and says so; what is not in order is refused."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from initramfs.imaging.errors import CaptureError, ToolMissingError
from initramfs.imaging.filesystem import hfsplus
from initramfs.imaging.filesystem.map_sources import MAP_SOURCES
from initramfs.imaging.label.model import Reader
from tests.images import content
from tests.images.disk import Slot, partition
from tests.images.filesystems import MIB, blank
from tests.images.in_memory import Captured, capture_file, restore_file
from tests.lab.command import run

SIZE = 64
root = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")


def made(tmp_path: Path, *command: str, size: int = SIZE) -> Path:
    """A file system."""
    path = tmp_path / "image"
    blank(path, size)
    run(*command, path)
    return path


def change(path: Path, at: int, data: bytes) -> None:
    """Other bytes at a place."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def kept_whole(path: Path, reason: str) -> Captured:
    """Captured without force, all of it, with the reason in the image."""
    image = capture_file(path, "sda5_Data")
    (warning,) = image.manifest.header.warnings
    assert "kept whole: " in warning
    assert reason in warning
    assert image.manifest.header.filesystems[0].used == path.stat().st_size
    return image


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("mkfs.ext4", "-q", "-F", "-O", "bigalloc"), "bigalloc"),
        (("mkfs.f2fs", "-q", "-f"), "Min volume size supported is 104857600"),
        (("mkntfs", "-q", "-F", "-f", "-p", "2048", "-c", "131072"), "clusters have 131072 bytes"),
        (("mkfs.jfs", "-q"), "cannot be read here"),
        (("mkfs.nilfs2", "-q", "-B", "16"), "cannot be read here"),
        (("mkfs.minix",), "cannot be read here"),
        (("mkfs.fat", "-F", "12"), "FAT12"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_clean_and_cannot_be_mapped_is_kept_whole(
    command: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    """Never called "not in order"."""
    path = made(tmp_path, *command, size=8 if "12" in command else SIZE)
    kept_whole(path, reason)


def test_a_bigalloc_comes_back(tmp_path: Path) -> None:
    """Every byte."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_bytes(os.urandom(3 * MIB))
    path = made(tmp_path, "mkfs.ext4", "-q", "-F", "-O", "bigalloc", "-d", str(tree))
    restore_file(kept_whole(path, "bigalloc"), tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == path.read_bytes()


def test_mounted_more_often_than_checked_is_still_in_order(tmp_path: Path) -> None:
    """By partclone it would be refused; e2fsck would find nothing."""
    path = made(tmp_path, "mkfs.ext4", "-q", "-F")
    run("tune2fs", "-c", "1", "-C", "5", path)
    image = capture_file(path, "sda5_Data")
    assert image.manifest.header.warnings == ()
    assert image.manifest.header.filesystems[0].used < SIZE * MIB / 2


@pytest.mark.root
@root
def test_a_journal_elsewhere_is_told(tmp_path: Path) -> None:
    """Its map is right; a restore needs the journal, too."""
    path, journal = tmp_path / "image", tmp_path / "journal"
    blank(path, SIZE)
    blank(journal, 16)
    run("mkfs.ext4", "-q", "-F", "-b", "1024", "-O", "journal_dev", journal)
    with content.loop(journal) as device:
        run("mkfs.ext4", "-q", "-F", "-b", "1024", "-J", f"device={device}", path)
    image = capture_file(path, "sda5_Data")
    (warning,) = image.manifest.header.warnings
    assert warning == "ext4 at byte 0: its journal lies on another device, which has to be captured, too"
    assert image.manifest.header.filesystems[0].used < SIZE * MIB / 2
    assert capture_file(journal, "sda6_Journal").manifest.header.filesystems[0].used == 16 * MIB


@pytest.mark.root
@root
def test_several_file_systems_of_a_disk_are_all_judged(tmp_path: Path) -> None:
    """Each by its own place, through a device of its own."""
    path = tmp_path / "disk"
    partition(path, 2 * SIZE + 2, "label: gpt", (Slot(1, SIZE, "linux"), Slot(1 + SIZE, SIZE, "linux")))
    for start, command in ((1, ("mkfs.f2fs", "-q", "-f")), (1 + SIZE, ("mkfs.ext4", "-q", "-F"))):
        with content.loop(path, start * MIB, SIZE * MIB) as device:
            run(*command, device)
    (warning,) = capture_file(path).manifest.header.warnings
    assert warning.startswith(
        f"f2fs at byte {MIB} kept whole: it cannot be read here: partclone.f2fs: Min volume"
    )


@pytest.mark.parametrize(
    ("command", "at", "data"),
    [
        (("mkfs.jfs", "-q"), 0x8000 + 40, b"\x01\0\0\0"),
        (("mkfs.nilfs2", "-q", "-B", "16"), 1024 + 116, b"\x02\0"),
        (("mkfs.f2fs", "-q", "-f"), 512 * 4096 + 132, b"\0\0\0\0"),
        (("mkfs.fat", "-F", "32"), 32 * 512 + 7, b"\x07"),
        (("mkfs.exfat", "-q"), 106, b"\x02"),
        (("mkfs.ext4", "-q", "-F"), 1024 + 0x3A, b"\0\0"),
        (("mkfs.ext4", "-q", "-F"), 1024 + 0x66, b"\x01\0"),
    ],
    ids=["jfs", "nilfs2", "f2fs", "vfat", "exfat", "ext4-state", "ext4-orphans"],
)
def test_what_was_not_left_in_order_is_refused_in_words(
    command: tuple[str, ...], at: int, data: bytes, tmp_path: Path
) -> None:
    """Also what would be kept whole; with force it is."""
    path = made(tmp_path, *[word for word in command if word != "-q" or "exfat" not in command[0]])
    change(path, at, data)
    with pytest.raises(CaptureError, match=r"unmounted|in use|valid state") as caught:
        capture_file(path, "sda5_Data")
    assert "is not in order" in caught.value.message or "was not left in order" in caught.value.message
    assert "partclone." not in caught.value.message.replace("partclone.fat: ", "")
    image = capture_file(path, "sda5_Data", force=True)
    assert image.manifest.header.warnings


def test_volume_managers_and_encryption_are_kept_whole_and_said(tmp_path: Path) -> None:
    """A signature is all that blkid looks at."""
    path = tmp_path / "image"
    blank(path, 8)
    change(path, 0, b"LUKS\xba\xbe\0\x01")
    kept_whole(path, "crypto_LUKS at byte 0")


def test_a_member_of_a_raid_is_no_file_system_though_one_begins_there(tmp_path: Path) -> None:
    """With metadata at its end (md's 1.0) the file system of a mirror begins where the partition does."""
    path = made(tmp_path, "mkfs.ext4", "-q", "-F")
    sector = SIZE * 2048 - 16
    superblock = bytearray(256)
    struct.pack_into("<II", superblock, 0, 0xA92B4EFC, 1)
    struct.pack_into("<Q", superblock, 144, sector)
    change(path, sector * 512, bytes(superblock))
    kept_whole(path, "linux_raid_member at byte 0")


def test_an_ntfs_that_windows_wants_to_check_is_refused_in_partclones_words(tmp_path: Path) -> None:
    """Not in those of its banner. ntfsresize leaves such a mark."""
    path = made(tmp_path, "mkntfs", "-q", "-F", "-f", "-p", "2048")
    run("ntfsresize", "-f", "-f", "--no-progress-bar", "--size", "50000000", path)
    with pytest.raises(CaptureError) as caught:
        capture_file(path, "sda5_Data")
    assert caught.value.message == (
        f"the ntfs at byte 0 of {path} is not in order: partclone.ntfs: NTFS Volume '{path}' is scheduled "
        "for a check or it was shutdown uncleanly. Please boot Windows or fix it by fsck"
    )


def test_signatures_of_several_kinds_are_kept_whole_and_said(tmp_path: Path) -> None:
    """Nothing of it is believed: which of them counts is not known."""
    path = made(tmp_path, "mkfs.ext4", "-q", "-F")
    other = tmp_path / "other"
    blank(other, SIZE)
    run("mkfs.nilfs2", "-q", "-B", "16", other)
    change(path, SIZE * MIB - 4096, other.read_bytes()[-4096:])
    image = capture_file(path, "sda5_Data")
    assert "what lies at byte 0 kept whole: it bears the signatures of several kinds" in " ".join(
        image.manifest.header.warnings
    )


def test_a_missing_program_says_nothing_of_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not "not in order" because partclone is not installed."""
    path, programs = made(tmp_path, "mkfs.ext4", "-q", "-F"), tmp_path / "bin"
    programs.mkdir()
    (programs / "blkid").symlink_to(shutil.which("blkid") or "")
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(ToolMissingError) as caught:
        capture_file(path, "sda5_Data")
    assert caught.value.message == "partclone.extfs is not installed"


def header(**fields: int) -> Reader:
    """An HFS+ volume header: clean, 4 KiB blocks, an allocation file of one run."""
    raw = bytearray(4096)
    values = {"attributes": 0x100, "block": 4096, "blocks": 8, "start": 1, "count": 8} | fields
    places = {"attributes": 4, "block": 40, "blocks": 124, "start": 128, "count": 132}
    struct.pack_into(">H", raw, 1024, 0x482B)
    for name, value in values.items():
        struct.pack_into(">I", raw, 1024 + places[name], value)
    return lambda at, length: bytes(raw[at : at + length])


def test_an_hfs_plus_is_believed_where_partclone_finds_its_map() -> None:
    """It multiplies in 32 bits, and reads eight runs."""
    assert not hfsplus.why_whole(header())
    assert not hfsplus.why_dirty(header())
    assert "beyond 4 GiB" in hfsplus.why_whole(header(start=(1 << 20) - 8))
    assert "more runs" in hfsplus.why_whole(header(blocks=9))
    assert "not unmounted" in hfsplus.why_dirty(header(attributes=0))
    assert "errors" in hfsplus.why_dirty(header(attributes=0x900))


def numbers(*fields: tuple[int, str, int]) -> Reader:
    """A superblock with these numbers in it."""
    raw = bytearray(1 << 17)
    for at, shape, value in fields:
        struct.pack_into(shape, raw, at, value)
    return lambda at, length: bytes(raw[at : at + length])


@pytest.mark.parametrize(
    ("kind", "read", "reason"),
    [
        ("ext4", numbers((1024 + 0x60, "<I", 0x3E7DE), (1024 + 0x64, "<I", 0x1F57F)), ""),
        ("ext4", numbers((1024 + 0x60, "<I", 0x1000)), "not known here (0x1000)"),
        ("ext4", numbers((1024 + 0x64, "<I", 0x80)), "not known here (0x80)"),
        ("btrfs", numbers((0x10088, "<Q", 1), (0x100BC, "<Q", 0xFFF)), ""),
        ("btrfs", numbers((0x10088, "<Q", 1), (0x100BC, "<Q", 0x2000)), "not known here (0x2000)"),
        ("btrfs", numbers((0x10088, "<Q", 3)), "3 devices"),
        ("f2fs", numbers((1032, "<I", 9), (1040, "<I", 12)), ""),
        ("f2fs", numbers((1032, "<I", 12), (1040, "<I", 12)), "sectors of 4096"),
        ("f2fs", numbers((1032, "<I", 9), (1040, "<I", 14)), "blocks of 16384"),
        ("f2fs", numbers((1032, "<I", 9), (1040, "<I", 12), (3225, "<B", 47), (3293, "<B", 47)), "2 devices"),
        ("apfs", numbers((36, "<I", 4096), (40, "<Q", 1 << 30)), ""),
        ("apfs", numbers((36, "<I", 4096), (40, "<Q", (1 << 30) + 1)), "at most 1073741824"),
        ("exfat", numbers((110, "<B", 1)), ""),
        ("exfat", numbers((110, "<B", 2)), "two allocation tables"),
    ],
)
def test_where_partclones_word_ends(kind: str, read: Reader, reason: str) -> None:
    """By superblocks alone: beyond its numbers and the features that it knows."""
    found = MAP_SOURCES[kind].why_whole(read)
    assert bool(found) == bool(reason)
    assert reason in found


def test_every_source_is_a_program_or_our_own() -> None:
    """None that is not installed."""
    programs = [source.partclone for source in MAP_SOURCES.values() if source.partclone]
    find: Callable[[str], str | None] = shutil.which
    assert all(find(f"partclone.{name}") for name in programs)
