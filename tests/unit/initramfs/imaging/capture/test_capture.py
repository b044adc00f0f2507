"""Capturing real file systems: what is in use, all of it, and nothing else."""

from __future__ import annotations

import os
import random
import re
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import CaptureError, DeviceError, ToolMissingError
from initramfs.imaging.filesystem.btrfs import SUPER, extents
from initramfs.imaging.filesystem.probe import why_dirty
from initramfs.imaging.filesystem.used_blocks import EDGE, SWAP_HEADER
from initramfs.imaging.format.header import Kind
from initramfs.imaging.format.index import State
from tests.images import filesystems
from tests.images.disk import Slot, partition
from tests.images.filesystems import blank
from tests.images.in_memory import MIB, Captured, MemoryChunks, capture_file, restore_file
from tests.lab.command import run

SIZE, BTRFS = 32, 240
UUID = "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a11"


@dataclass(frozen=True, slots=True)
class Case:
    """A file system: how to make one around a folder, and how to read its file back without mounting."""

    type: str
    make: Callable[[Path, Path], None]
    read: Callable[[Path], bytes]
    check: Callable[[Path], object]


def output(*command: str | Path) -> Callable[[Path], bytes]:
    """A command that copies ``big`` out of an image; IMAGE and OUT stand for paths."""

    def read(image: Path) -> bytes:
        out = image.with_name("out")
        out.unlink(missing_ok=True)
        names = {"IMAGE": image, "OUT": out}
        said = run(*(names.get(str(word), word) for word in command))
        return out.read_bytes() if out.exists() else said.encode()

    return read


CASES = [
    Case(
        "ext4",
        lambda image, tree: filesystems.ext4(image, SIZE, UUID, tree),
        lambda image: output("debugfs", "-R", f"dump big {image.with_name('out')}", "IMAGE")(image),
        lambda image: run("e2fsck", "-fn", image),
    ),
    Case(
        "vfat",
        lambda image, tree: filesystems.fat(image, SIZE, "1234abcd", tree),
        output("mcopy", "-i", "IMAGE", "::/big", "OUT"),
        lambda image: run("fsck.fat", "-n", image),
    ),
    Case(
        "ntfs",
        lambda image, tree: filesystems.ntfs(image, SIZE, 2048, tree),
        lambda image: run("ntfscat", image, "big").encode(),
        lambda image: run("ntfsfix", "--no-action", image),
    ),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a file of text larger than some chunks."""
    folder = tmp_path / "tree"
    folder.mkdir()
    rng = random.Random(4)
    (folder / "big").write_text("".join(f"{rng.random()}\n" for _ in range(120_000)))
    return folder


@pytest.fixture(params=CASES, ids=lambda case: case.type)
def case(request: pytest.FixtureRequest) -> Case:
    """Each of the file systems."""
    found = request.param
    assert isinstance(found, Case)
    return found


@pytest.fixture
def made(case: Case, tree: Path, tmp_path: Path) -> Path:
    """The file system as a file."""
    path = tmp_path / "image"
    case.make(path, tree)
    return path


def test_a_file_system_comes_back(case: Case, made: Path, tree: Path, tmp_path: Path) -> None:
    """Onto a used disk, so that nothing is right by chance; its own checker agrees."""
    image = capture_file(made, "sda5_Data")
    target = tmp_path / "target"
    target.write_bytes(random.Random(1).randbytes(SIZE * MIB))
    restore_file(image, target)
    case.check(target)
    assert case.read(target) == (tree / "big").read_bytes()


def test_only_what_is_in_use_is_read(case: Case, made: Path) -> None:
    """Free space is not in the image, whatever lies there."""
    image = capture_file(made, "sda5_Data")
    (found,) = image.manifest.header.filesystems
    assert image.manifest.header.kind is Kind.PARTITION
    assert found.type == case.type
    assert 2 * MIB < found.used < SIZE * MIB / 2
    assert image.count.bytes_read <= found.used + 4 * MIB
    assert sum(r.length for r in image.manifest.index) < SIZE * MIB / 2


def test_a_second_capture_sends_nothing(made: Path) -> None:
    """Chunks that are known are only named."""
    image = capture_file(made, "sda5_Data")
    again = capture_file(made, "sda5_Data", image.chunks)
    assert (again.count.chunks_sent, again.count.bytes_sent) == (0, 0)
    assert list(again.manifest.index) == list(image.manifest.index)


def test_all_files_of_a_fat12_come_back(tmp_path: Path) -> None:
    """The map that partclone makes leaves out some of its clusters."""
    path, target = tmp_path / "image", tmp_path / "target"
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(60):
        (folder / f"file{number}").write_bytes(random.Random(number).randbytes(number * 1000 + 1))
    filesystems.fat(path, 4, "1234abcd", folder)
    assert b"FAT12" in path.read_bytes()[:512]
    target.write_bytes(b"\xa5" * 4 * MIB)
    restore_file(capture_file(path, "sda5_Data"), target)
    for file in folder.iterdir():
        assert output("mcopy", "-n", "-i", "IMAGE", f"::/{file.name}", "OUT")(target) == file.read_bytes()


def test_the_last_clusters_of_an_exfat_come_back(tmp_path: Path) -> None:
    """They may be larger than the last MiB, which is kept anyway."""
    path, target, cluster = tmp_path / "image", tmp_path / "target", 4 * MIB
    filesystems.blank(path, 64)
    run("mkfs.exfat", "--cluster-size", "4M", path)
    with path.open("r+b") as file:
        heap, count = struct.unpack_from("<II", file.read(512), 88)
        file.seek(heap * 512)  # its first cluster is the bitmap
        file.write(b"\xff" * (count // 8) + bytes([(1 << count % 8) - 1]))
        file.seek(heap * 512 + (count - 2) * cluster)
        file.write(b"content".ljust(2 * cluster, b"!"))
    target.write_bytes(b"\xa5" * 64 * MIB)
    restore_file(capture_file(path, "sda5_Data"), target)
    end = heap * 512 + count * cluster
    assert target.read_bytes()[:end] == path.read_bytes()[:end]


def btrfs(path: Path, tree: Path, *options: str) -> None:
    """A Btrfs that holds ``tree``."""
    filesystems.blank(path, BTRFS)
    run("mkfs.btrfs", "-q", "--rootdir", tree, *options, path)


@pytest.mark.parametrize("mixed", [(), ("--mixed", "--data", "dup")])
def test_both_copies_of_a_btrfs_come_back(mixed: tuple[str, ...], tree: Path, tmp_path: Path) -> None:
    """The second ones too: they are what it repairs itself with."""
    path, target = tmp_path / "image", tmp_path / "target"
    btrfs(path, tree, "--metadata", "dup", *mixed)
    target.write_bytes(b"\xa5" * BTRFS * MIB)
    restore_file(capture_file(path, "sda5_Data"), target)
    run("btrfs", "check", "--check-data-csum", target)
    superblock = run("btrfs", "inspect-internal", "dump-super", path)
    for field in ("root", "chunk_root"):
        address = re.findall(rf"^{field}\s+(\d+)$", superblock, re.MULTILINE)[0]
        said = run("btrfs-map-logical", "--logical", address, path)
        places = [int(place) for place in re.findall(r"physical (\d+)", said)]
        assert len(places) == 2
        expected = path.read_bytes()[places[0] : places[0] + 4096]
        restored = target.read_bytes()
        assert [restored[place : place + 4096] for place in places] == [expected, expected]


def test_a_btrfs_with_broken_trees_is_refused(tree: Path, tmp_path: Path) -> None:
    """What it uses is not guessed at."""
    path = tmp_path / "image"
    btrfs(path, tree, "--metadata", "dup")

    def read(offset: int, length: int) -> bytes:
        data = bytearray(path.read_bytes()[offset : offset + length])
        if offset != SUPER:
            data[48:56] = bytes(8)  # a node's own address
        return bytes(data)

    with pytest.raises(CaptureError, match="no node of a tree"):
        extents(read)


def test_a_device_of_a_larger_btrfs_is_kept_whole(tree: Path, tmp_path: Path) -> None:
    """What of it is in use only all devices together tell."""
    path = tmp_path / "image"
    btrfs(path, tree)
    with path.open("r+b") as file:
        file.seek(SUPER + 0x88)
        file.write(struct.pack("<Q", 2))
    image = capture_file(path, "sda5_Data")
    assert sum(item.length for item in image.manifest.index) == BTRFS * MIB


def test_free_blocks_do_not_change_an_image(tree: Path, tmp_path: Path) -> None:
    """Garbage in free space neither appears in chunks nor in their names."""
    path = tmp_path / "image"
    filesystems.ext4(path, SIZE, UUID, tree)
    clean = capture_file(path, "sda5_Data")
    used: set[int] = set()
    for item in clean.manifest.index:
        used.update(range(item.offset // 4096, -(-item.end // 4096)))
    with path.open("r+b") as file:
        for block in set(range(SIZE * 256)) - used:
            file.seek(block * 4096)
            file.write(b"old secret" * 100)
    dirty = capture_file(path, "sda5_Data")
    assert list(dirty.manifest.index) == list(clean.manifest.index)


def test_swap_keeps_its_header_only(tmp_path: Path) -> None:
    """The rest of the first and the last MiB become zeros: nothing of an earlier life is found there."""
    path = tmp_path / "image"
    filesystems.swap(path, SIZE, UUID)
    with path.open("r+b") as file:
        file.seek(SWAP_HEADER)
        file.write(b"a password" * 100_000)
    image = capture_file(path, "sda8_Swap")
    assert image.count.bytes_read == SWAP_HEADER
    assert [(r.offset, r.end, r.state) for r in image.manifest.index] == [
        (0, SWAP_HEADER, State.DATA),
        (SWAP_HEADER, EDGE, State.ZERO),
        (SIZE * MIB - EDGE, SIZE * MIB, State.ZERO),
    ]
    restore_file(image, tmp_path / "target")
    assert UUID in run("blkid", "-p", tmp_path / "target")


@pytest.mark.parametrize(
    "label", ["Dätä", "with space", 'a\\b"$x', "back\\x41", " =", "\U0001f4be"], ids=ascii
)
def test_a_label_is_kept_as_it_is(tmp_path: Path, label: str) -> None:
    """Programs that print labels for shells and rules mangle them."""
    blank(tmp_path / "fs", 8)
    run("mke2fs", "-q", "-t", "ext4", "-U", UUID, "-L", label, tmp_path / "fs")
    (found,) = capture_file(tmp_path / "fs").manifest.header.filesystems
    assert (found.type, found.uuid, found.label) == ("ext4", UUID, label)


def test_a_label_that_is_no_utf_8_is_replaced(tmp_path: Path) -> None:
    """Systems of old wrote what their code page said."""
    blank(tmp_path / "fs", 8)
    run("mke2fs", "-q", "-t", "ext4", "-L", "caf\udce9", tmp_path / "fs")
    (found,) = capture_file(tmp_path / "fs").manifest.header.filesystems
    assert found.label == "caf\ufffd"


def test_tables_that_programs_of_old_wrote_are_captured(tmp_path: Path) -> None:
    """A second extended partition for Linux alone, and one of type 0, which Linux has and sfdisk does not."""
    path = tmp_path / "disk"
    partition(path, 24, "label: dos", (Slot(1, 8, "5"), Slot(5, 4, "83")))
    with path.open("r+b") as file:
        for slot, kind, start in ((1, 0x85, 12), (2, 0, 16)):
            file.seek(446 + 16 * slot)
            file.write(struct.pack("<4xB3xII", kind, start * MIB // 512, 4 * MIB // 512))
        file.seek(16 * MIB)
        file.write(b"content")
    image = capture_file(path)
    label = image.manifest.header.label
    assert label is not None
    assert [(part.number, part.type) for part in label.partitions] == [
        (1, "5"),
        (2, "85"),
        (3, "0"),
        (5, "83"),
    ]
    restore_file(image, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


def test_what_nobody_knows_is_kept_whole(tmp_path: Path) -> None:
    """Encrypted, a volume manager's, noise: every byte, zeros as zeros."""
    path = tmp_path / "image"
    content = bytearray(8 * MIB)
    content[MIB : 2 * MIB] = random.Random(2).randbytes(MIB)
    path.write_bytes(content)
    image = capture_file(path, "sda5_Unknown")
    assert image.manifest.header.filesystems == ()
    assert [(r.offset // MIB, r.length // MIB, r.state) for r in image.manifest.index] == [
        (0, 1, State.ZERO), (1, 1, State.DATA), (2, 6, State.ZERO),
    ]  # fmt: skip


def unclean(path: Path, tree: Path) -> None:
    """An ext4 whose journal must be replayed, as after a power cut."""
    filesystems.ext4(path, SIZE, UUID, tree)
    run("debugfs", "-w", "-R", "feature needs_recovery", path)


def test_an_unclean_file_system_is_refused(tree: Path, tmp_path: Path) -> None:
    """Its map of free blocks may be older than what is in its journal."""
    unclean(tmp_path / "image", tree)
    with pytest.raises(CaptureError, match="journal must be replayed") as caught:
        capture_file(tmp_path / "image")
    assert "force" in caught.value.hint


def test_force_keeps_an_unclean_file_system_whole_and_says_so(tree: Path, tmp_path: Path) -> None:
    """Byte for byte, with a warning in the manifest."""
    unclean(tmp_path / "image", tree)
    image = capture_file(tmp_path / "image", force=True)
    restore_file(image, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == (tmp_path / "image").read_bytes()
    assert "journal" in image.manifest.header.warnings[0]


def test_a_broken_file_system_is_refused_with_partclones_words(tree: Path, tmp_path: Path) -> None:
    """What partclone cannot read is not guessed at."""
    path = tmp_path / "image"
    filesystems.ext4(path, SIZE, UUID, tree)
    with path.open("r+b") as file:
        file.seek(2048)
        file.write(b"garbage" * 100)  # the group descriptors
    with pytest.raises(CaptureError, match="ext4 at byte 0"):
        capture_file(path)


def reasons(kind: str, *fields: tuple[int, str, int]) -> str:
    """Why a file system with these values in its superblock is not in order."""
    disk = bytearray(128 * 1024)
    for offset, shape, value in fields:
        struct.pack_into(shape, disk, offset, value)
    return why_dirty(kind, lambda at, length: bytes(disk[at : at + length]))


def test_file_systems_that_are_not_in_order_are_seen() -> None:
    """From the superblock alone."""
    assert not reasons("ext4", (1024 + 0x3A, "<H", 1))
    assert "journal" in reasons("ext4", (1024 + 0x3A, "<H", 1), (1024 + 0x60, "<I", 4))
    assert "errors" in reasons("ext3", (1024 + 0x3A, "<H", 3))
    assert "not unmounted" in reasons("ext2")
    assert not reasons("btrfs")
    assert "log tree" in reasons("btrfs", (0x10060, "<Q", 1 << 20))
    assert "hibernated" in reasons("swsuspend")
    assert not reasons("exfat")
    assert "not unmounted" in reasons("exfat", (106, "<H", 2))
    for first, second, reason in ((7, 6, ""), (6, 7, "it was not unmounted"), (7, 0, "")):
        place = ((1024 + 16, "<I", 12), (1024 + 20, "<I", 3), (1024 + 76, "<I", 2))
        older, newer = (
            ((8192, "<Q", first), (8192 + 132, "<I", 5)),
            ((40960, "<Q", second), (40960 + 132, "<I", 4)),
        )
        assert reasons("f2fs", *place, *older, *newer) == reason


def disk_with(tmp_path: Path, tree: Path) -> Path:
    """An MBR disk with an ext4 in its second partition."""
    path, fs = tmp_path / "disk", tmp_path / "fs"
    partition(path, 48, "label: dos", (Slot(1, 8, "82"), Slot(2, 32, "83")))
    filesystems.ext4(fs, SIZE, UUID, tree)
    with path.open("r+b") as file:
        file.seek(9 * MIB)
        file.write(fs.read_bytes())
    return path


def test_emptied_partitions_become_zeros_without_being_read(tree: Path, tmp_path: Path) -> None:
    """The InitClone of 1999: only what is needed to boot, the rest wiped."""
    image = capture_file(disk_with(tmp_path, tree), empty=[1, 2])
    assert image.count.bytes_read == 8 * MIB
    zeros = [(r.offset // MIB, r.end // MIB) for r in image.manifest.index if r.state is State.ZERO]
    assert (1, 9) in zeros
    assert (9, 41) in zeros


@pytest.mark.parametrize(
    ("arguments", "match"), [({"partition": 7}, "no partition 7"), ({"empty": [3]}, "no partition 3")]
)
def test_a_partition_that_is_not_there_is_refused(
    tree: Path, tmp_path: Path, arguments: dict[str, object], match: str
) -> None:
    """With the numbers that are."""
    with pytest.raises(CaptureError, match=match) as caught:
        capture_file(disk_with(tmp_path, tree), **arguments)  # type: ignore[arg-type]  # one argument each
    assert "1, 2" in caught.value.hint


def test_a_source_that_is_no_disk_is_refused(tmp_path: Path) -> None:
    """Missing, a folder, a piece of a file."""
    with pytest.raises(DeviceError, match="No such file"):
        Device.open(tmp_path / "nothing")
    with pytest.raises(DeviceError, match="neither"):
        Device.open(tmp_path)
    (tmp_path / "odd").write_bytes(bytes(1000))
    with pytest.raises(CaptureError, match="whole number of sectors"):
        capture_file(tmp_path / "odd")


class FullSink(MemoryChunks):
    """A store without room for a third chunk."""

    def put(self, digest: bytes, data: bytes) -> None:
        """See ChunkSink."""
        if len(self) == 2:
            raise OSError(28, os.strerror(28))
        super().put(digest, data)


def test_a_sink_that_fails_stops_the_capture(made: Path) -> None:
    """At once, with its own error."""
    with pytest.raises(OSError, match="No space left"):
        capture_file(made, "sda5_Data", FullSink(), chunk_size=1 << 16)


@pytest.mark.parametrize("chunk_size", [1 << 16, 1 << 22])
def test_chunks_of_any_allowed_size_do(case: Case, made: Path, tree: Path, chunk_size: int) -> None:
    """Smaller ones deduplicate better, larger ones are fewer."""
    image: Captured = capture_file(made, "sda5_Data", chunk_size=chunk_size)
    target = made.with_name("target")
    restore_file(image, target)
    assert case.read(target) == (tree / "big").read_bytes()


def test_an_xfs_whose_log_nobody_can_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where xfsprogs are missing: the map may be older than what is in the log."""
    path, programs = tmp_path / "image", tmp_path / "bin"
    filesystems.blank(path, 320)
    run("mkfs.xfs", "-q", path)
    programs.mkdir()
    for name in ("blkid", "partclone.xfs"):
        (programs / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(ToolMissingError, match="xfs_logprint is not installed"):
        capture_file(path, "sda5_Data")


def test_the_tools_are_there() -> None:
    """A missing partclone must fail here, not look like an unknown file system."""
    assert all(shutil.which(f"partclone.{name}") for name in ("extfs", "fat", "ntfs", "xfs", "btrfs"))
