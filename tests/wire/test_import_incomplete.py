"""Sources of which something is missing, or too much is there: whatever comes in accounts for every byte."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import struct
from pathlib import Path

import pytest

from provisioner.images.filesystem_size import needed_by
from provisioner.images.formats.imports import Source
from tests.images import filesystems
from tests.images.clonezilla import save_disk, save_partition
from tests.images.disk import Slot, insert, partition
from tests.images.imported import imported, refused
from tests.images.in_memory import MIB
from tests.lab.command import run

pytestmark = [pytest.mark.wire, pytest.mark.root]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")
UUID = "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a1{}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Clonezilla folder ``saved`` of a disk with two ext4 and a raw part; partclone's ``image`` of one."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "tree").mkdir()
    (folder / "tree" / "file").write_bytes(random.Random(2).randbytes(MIB))
    slots = (Slot(1, 12, "83"), Slot(2, 8, "83"), Slot(3, 4, "83"))
    starts = partition(folder / "disk", 26, "label: dos", slots)
    for number, size in ((1, 12), (2, 8)):
        filesystems.ext4(folder / f"{number}", size, UUID.format(number), folder / "tree")
        insert(folder / "disk", starts[number], folder / f"{number}")
    with (folder / "disk").open("r+b") as file:
        file.seek(starts[3] * 512)
        file.write(random.Random(3).randbytes(4 * MIB))
    save_disk(folder / "disk", folder / "saved", {1: "ext4", 2: "ext4", 3: "dd"})
    image = b"".join(path.read_bytes() for path in sorted((folder / "saved").glob("sda1.ext4-ptcl-img.gz.*")))
    (folder / "image").write_bytes(gzip.decompress(image))
    return folder


@pytest.fixture
def saved(made: Path, tmp_path: Path) -> Path:
    """The folder, to be harmed."""
    return Path(shutil.copytree(made / "saved", tmp_path / "saved"))


def replace(saved: Path, number: int, name: str, data: bytes) -> None:
    """Put one file in the place of a partition's."""
    for piece in saved.glob(f"sda{number}.*"):
        piece.unlink()
    (saved / f"sda{number}.{name}").write_bytes(data)


@pytest.mark.parametrize("data", [b"", gzip.compress(b"")], ids=["0 bytes", "empty gzip"])
def test_a_file_that_holds_nothing(saved: Path, tmp_path: Path, data: bytes) -> None:
    """Alone, and as the image of a partition."""
    (tmp_path / "source").write_bytes(data)
    refused(tmp_path / "source", tmp_path / "work", "holds nothing")
    if os.geteuid() == 0:
        replace(saved, 1, "ext4-ptcl-img.gz.aa", data)
        refused(saved, tmp_path / "work", r"sda1\.ext4.* holds nothing")


@needs_root
@pytest.mark.parametrize(("lost", "words"), [(0, "is missing: the first"), (-1, "is damaged: it ends early")])
def test_a_piece_is_missing(saved: Path, tmp_path: Path, lost: int, words: str) -> None:
    """The first is missed by its name, the last by what it held."""
    sorted(saved.glob("sda1.*"))[lost].unlink()
    refused(saved, tmp_path / "work", words)


@needs_root
@pytest.mark.parametrize(
    ("size", "words"),
    [(3 * MIB, "holds 3145728 of the 4194304 bytes"), (5 * MIB, "holds more than the 4194304 bytes")],
)
def test_a_raw_piece_of_another_size_than_its_partition(
    saved: Path, tmp_path: Path, size: int, words: str
) -> None:
    """Shorter, or longer."""
    replace(saved, 3, "dd-img.aa", bytes(size - 1) + b"x")
    refused(saved, tmp_path / "work", words)


def test_a_raw_piece_of_which_no_table_tells_the_size(made: Path, tmp_path: Path) -> None:
    """Its file system tells."""
    saved = tmp_path / "saved"
    saved.mkdir()
    for name in ("disk", "parts"):
        (saved / name).write_text("sda\n")
    (saved / "sda.dd-img.aa").write_bytes((made / "2").read_bytes())
    with imported(saved, tmp_path / "work") as found:
        assert found.path.read_bytes() == (made / "2").read_bytes()
    (saved / "sda.dd-img.aa").write_bytes((made / "2").read_bytes()[: 5 * MIB])
    refused(saved, tmp_path / "work", "the ext4 in raw has 8388608 bytes, there are 5242880")


@needs_root
def test_an_image_that_is_larger_than_its_partition(saved: Path, made: Path, tmp_path: Path) -> None:
    """Another partition's, most likely."""
    replace(saved, 2, "ext4-ptcl-img", (made / "image").read_bytes())
    hint = refused(
        saved, tmp_path / "work", "holds a file system of 12582912 bytes, its partition has 8388608"
    )
    assert "another partition" in hint


@needs_root
def test_what_is_not_partclones_is_not_taken_for_raw(saved: Path, made: Path, tmp_path: Path) -> None:
    """Only a file that Clonezilla calls dd-img is."""
    replace(saved, 2, "ext4-ptcl-img", (made / "2").read_bytes())
    refused(saved, tmp_path / "work", "is no image by partclone")


@needs_root
def test_a_partition_without_a_file(saved: Path, tmp_path: Path) -> None:
    """Refused; taken as zeros if that is said; and the others one by one."""
    for piece in saved.glob("sda3.*"):
        piece.unlink()
    (saved / "parts").write_text("sda1 sda2\n")
    assert "--partition" in refused(saved, tmp_path / "work", "holds nothing of partition 3")
    with imported(Source(saved, empty=(3,)), tmp_path / "work") as found:
        assert found.path.stat().st_size == 26 * MIB
    with imported(Source(saved, partition=2), tmp_path / "work") as found:
        assert (found.path.stat().st_size, found.chosen) == (8 * MIB, True)
        run("e2fsck", "-fn", found.path)


@pytest.mark.parametrize("place", ["alone", "in a folder"])
def test_an_image_that_goes_on_behind_its_end(saved: Path, made: Path, tmp_path: Path, place: str) -> None:
    """Partclone says nothing about it: two images may have become one."""
    data = (made / "image").read_bytes() + b"more"
    (tmp_path / "source").write_bytes(data)
    if place == "in a folder":
        if os.geteuid():
            pytest.skip("loop devices need root")
        replace(saved, 1, "ext4-ptcl-img", data)
    source = saved if place == "in a folder" else tmp_path / "source"
    refused(source, tmp_path / "work", "4 bytes follow behind its end")


def test_an_image_that_ends_early_or_is_changed(made: Path, tmp_path: Path) -> None:
    """The reason, not partclone's banner."""
    data = bytearray((made / "image").read_bytes())
    source = tmp_path / "source"
    source.write_bytes(data[:-100])
    refused(
        source, tmp_path / "work", rf"partclone refuses source: it ends early, at byte {len(data) - 100} of"
    )
    data[len(data) // 2] ^= 1
    source.write_bytes(data)
    refused(source, tmp_path / "work", r"^partclone refuses source: CRC error, block_id=\d+$")


def test_the_reason_is_partclones_however_much_it_left_unread(made: Path, tmp_path: Path) -> None:
    """It ends at the first error; the rest of a large image is not read for nothing."""
    data = bytearray((made / "image").read_bytes())
    data[200] ^= 1  # in the map of used blocks
    source = tmp_path / "source"
    source.write_bytes(data + bytes(8 * MIB))
    refused(source, tmp_path / "work", "partclone refuses source: .*bitmap.*error")


def test_an_image_without_checksums_is_noted(made: Path, tmp_path: Path) -> None:
    """As FOG makes them; where they are packed, the packer has one."""
    save_partition(made / "2", tmp_path / "image", "ext4", "-a0")
    with imported(tmp_path / "image", tmp_path / "work") as found:
        assert "no checksums" in found.notes[0]
    (tmp_path / "image").write_bytes(gzip.compress((tmp_path / "image").read_bytes()))
    with imported(tmp_path / "image", tmp_path / "work") as found:
        assert not found.notes


def test_a_raw_file_that_was_cut_off(made: Path, tmp_path: Path) -> None:
    """Noticed by the file system, and by the partition table."""
    cut = tmp_path / "cut"
    cut.write_bytes((made / "2").read_bytes()[: 5 * MIB])
    refused(cut, tmp_path / "work", "the ext4 in cut has 8388608 bytes, there are 5242880")
    cut.write_bytes((made / "disk").read_bytes()[: 20 * MIB])
    assert "cut off" in refused(cut, tmp_path / "work", "cut: partition 2 ends at byte")
    filesystems.fat(tmp_path / "fat", 8, "1234abcd", made / "tree")
    os.truncate(tmp_path / "fat", 6 * MIB)
    refused(tmp_path / "fat", tmp_path / "work", "the vfat in fat has 8388608 bytes")


@pytest.mark.parametrize(
    "command",
    [
        ("mkfs.f2fs", "-q", "-f"),
        ("mkfs.jfs", "-q"),
        ("mkfs.nilfs2", "-q", "-B", "16"),
    ],
    ids=["f2fs", "jfs", "nilfs2"],
)
def test_a_raw_file_system_that_was_cut_off(command: tuple[str, ...], tmp_path: Path) -> None:
    """Also one of those that are kept whole, where nothing else would tell."""
    filesystems.blank(tmp_path / "raw", 128)
    run(*command, tmp_path / "raw")
    with imported(tmp_path / "raw", tmp_path / "work") as found:
        assert found.path == tmp_path / "raw"
    os.truncate(tmp_path / "raw", 120 * MIB)
    refused(tmp_path / "raw", tmp_path / "work", "there are 125829120: the rest is missing")


@pytest.mark.parametrize("kind", ["hfsplus", "apfs"])
def test_sizes_of_apples_file_systems(kind: str) -> None:
    """By their own words."""
    start = bytearray(4096)
    if kind == "hfsplus":
        start[1024:1026] = b"H+"
        struct.pack_into(">II", start, 1024 + 40, 4096, 1000)
    else:
        struct.pack_into("<4sIQ", start, 32, b"NXSB", 4096, 1000)
    assert needed_by(kind, lambda at, length: bytes(start[at : at + length])) == 4096 * 1000


def test_the_end_of_a_gpt_is_missed(made: Path, tmp_path: Path) -> None:
    """All partitions are there: a note, no more."""
    starts = partition(tmp_path / "disk", 26, "label: gpt", (Slot(1, 12, "L"),))
    insert(tmp_path / "disk", starts[1], made / "1")
    os.truncate(tmp_path / "disk", 20 * MIB)
    with imported(tmp_path / "disk", tmp_path / "work") as found:
        assert "its backup is missing" in found.notes[0]


@pytest.mark.parametrize("place", ["alone", "in a folder"])
def test_an_ntfs_gets_the_copy_of_its_boot_sector(tmp_path: Path, place: str) -> None:
    """In the partition's last sector, which partclone does not keep."""
    (tmp_path / "tree").mkdir()
    starts = partition(tmp_path / "disk", 14, "label: dos", (Slot(1, 12, "7"),))
    filesystems.ntfs(tmp_path / "ntfs", 12, starts[1], tmp_path / "tree")
    boot = (tmp_path / "ntfs").read_bytes()[:512]
    count = struct.unpack_from("<Q", boot, 40)[0]
    if place == "alone":
        save_partition(tmp_path / "ntfs", tmp_path / "image", "ntfs")
        with imported(tmp_path / "image", tmp_path / "work") as found:
            assert found.path.read_bytes()[count * 512 :] == boot
        return
    if os.geteuid():
        pytest.skip("loop devices need root")
    insert(tmp_path / "disk", starts[1], tmp_path / "ntfs")
    save_disk(tmp_path / "disk", tmp_path / "saved", {1: "ntfs"})
    with imported(tmp_path / "saved", tmp_path / "work") as found:
        end = starts[1] * 512 + 12 * MIB
        assert found.path.read_bytes()[end - 512 : end] == boot
