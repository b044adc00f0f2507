"""FOG's image folders, made by the tools that it uses."""

from __future__ import annotations

import os
import random
import re
import shutil
from pathlib import Path

import pytest

from initramfs.imaging.capture.capture import Facts
from provisioner.images.formats.imports import Source
from provisioner.images.operations import Options, add_image
from provisioner.stores.directory.store import DirectoryStore
from tests.images import filesystems, fog
from tests.images.disk import Slot, insert, partition
from tests.images.imported import imported, refused
from tests.images.in_memory import KEY, MIB
from tests.lab.command import run

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")
pytestmark = [pytest.mark.wire, pytest.mark.root, needs_root]
UUID = "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a1{}"
KINDS = {1: "vfat", 2: "ext4", 5: "swap", 6: "imager"}


@pytest.fixture(scope="module", params=["dos", "gpt"])
def disk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FAT, ext4, swap and noise; with an MBR the last two are logical partitions. Boot code, and a gap."""
    folder = tmp_path_factory.mktemp("disk")
    path, dos = folder / "disk", request.param == "dos"
    (folder / "tree").mkdir()
    (folder / "tree" / "file").write_bytes(random.Random(2).randbytes(MIB))
    types = {1: "c", 2: "83", 5: "82", 6: "83"} if dos else {1: "U", 2: "L", 5: "S", 6: "L"}
    extended = (Slot(4, 12, "5"),) if dos else ()
    slots = (
        Slot(1, 8, types[1]),
        Slot(2, 16, types[2]),
        *extended,
        Slot(5, 4, types[5]),
        Slot(6, 2, types[6]),
    )
    starts = partition(path, 40, f"label: {request.param}", slots)
    filesystems.fat(folder / "1", 8, "1234abcd", folder / "tree")
    filesystems.ext4(folder / "2", 16, UUID.format(2), folder / "tree")
    filesystems.swap(folder / "5", 4, UUID.format(5))
    for number in (1, 2, 5):
        insert(path, starts[number], folder / f"{number}")
    rng = random.Random(3)
    with path.open("r+b") as file:
        file.write(rng.randbytes(440))
        file.seek(starts[6] * 512)
        file.write(rng.randbytes(2 * MIB))
        if dos:
            file.seek(512)
            file.write(rng.randbytes(30_000))
            file.seek(starts[4] * 512)
            file.write(rng.randbytes(440))
    return path


@pytest.fixture(scope="module")
def made(disk: Path) -> Path:
    """Of that disk."""
    return fog.save_disk(disk, disk.with_name("Lab"), KINDS)


@pytest.fixture
def saved(made: Path, tmp_path: Path) -> Path:
    """The folder, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "Lab"))


def table_of(disk: Path) -> list[str]:
    """Without the devices' names."""
    lines = run("sfdisk", "--dump", disk).splitlines()
    return [line.rpartition(" : ")[2] for line in lines if not line.startswith("device:")]


def part_of(disk: Path, number: int) -> bytes:
    """A partition's bytes."""
    start, size = fog.place(run("sfdisk", "--dump", disk), number)
    return disk.read_bytes()[start : start + size]


def test_a_disk_comes_in(disk: Path, made: Path, tmp_path: Path) -> None:
    """Table, boot code, gap, first record of the logical ones, file systems in pieces, raw content, swap."""
    with imported(made, tmp_path / "work") as found:
        same, dos = found.path.read_bytes(), "dos" in run("sfdisk", "--dump", disk)
        assert table_of(found.path) == table_of(disk)
        assert found.path.stat().st_size == (37 * MIB if dos else disk.stat().st_size)
        head = 31_000 if dos else 440
        assert same[:head] == disk.read_bytes()[:head]
        if dos:
            start, _ = fog.place(run("sfdisk", "--dump", disk), 4)
            assert same[start : start + 440] == disk.read_bytes()[start : start + 440]
        assert part_of(found.path, 6) == part_of(disk, 6)
        for number in (1, 2, 5):
            new, old = tmp_path / "new", tmp_path / "old"
            new.write_bytes(part_of(found.path, number))
            old.write_bytes(part_of(disk, number))
            export = [run("blkid", "--probe", "-o", "export", path).partition("\n")[2] for path in (new, old)]
            assert export[0] == export[1]
        new.write_bytes(part_of(found.path, 2))
        run("e2fsck", "-fn", new)
        assert not found.notes


def test_a_dump_by_an_old_sfdisk(disk: Path, saved: Path, tmp_path: Path) -> None:
    """Of MBRs only, without saying so, without the disk's signature, and with empty lines of the table."""
    text = (saved / "d1.partitions").read_text()
    if "label: gpt" in text:
        pytest.skip("it could not dump one")
    lines = [line.replace("type=", "Id=") for line in text.splitlines() if " : " in line]
    lines.insert(2, "/dev/sda3 : start=        0, size=        0, Id= 0")
    old = "\n".join(("# partition table of /dev/sda", "unit: sectors", "", *lines, ""))
    (saved / "d1.partitions").unlink()
    (saved / "d1.original.partitions").write_text(old)
    with imported(saved, tmp_path / "work") as found:
        assert table_of(found.path) == table_of(disk)


def test_a_table_without_a_dump(disk: Path, saved: Path, tmp_path: Path) -> None:
    """FOG has not always kept one; then its own bytes are there, though not those of logical partitions."""
    (saved / "d1.partitions").unlink()
    if "label: dos" in run("sfdisk", "--dump", disk):
        refused(saved, tmp_path / "work", "d1 has no partition 5")
        return
    with imported(saved, tmp_path / "work") as found:
        assert table_of(found.path) == table_of(disk)
        assert found.path.stat().st_size == disk.stat().st_size
        assert "No errors" in run("sfdisk", "--verify", found.path)
    with imported(Source(saved, partition=2), tmp_path / "work") as found:
        assert found.path.stat().st_size == 16 * MIB


@pytest.mark.parametrize("packer", ["gzip", "plain"])
def test_however_it_was_packed(disk: Path, saved: Path, tmp_path: Path, packer: str) -> None:
    """In pieces or not; and a partition alone, from the folder or by its first piece."""
    fog.save(disk.with_name("2"), saved, 2, "ext4", packer=packer, pieces=packer == "gzip")
    with imported(Source(saved, partition=2), tmp_path / "work") as found:
        assert found.path.stat().st_size == 16 * MIB
        run("e2fsck", "-fn", found.path)
    first = min(saved.glob("d1p2.img*"))
    with imported(first, tmp_path / "work") as found:
        run("e2fsck", "-fn", found.path)
    with imported(Source(saved, partition=5), tmp_path / "work") as found:
        assert "swap" in run("blkid", "--probe", found.path)


def test_a_resizable_image_fills_its_partitions_again(saved: Path, tmp_path: Path) -> None:
    """FOG has made its file systems smaller, but for the fixed ones."""
    (saved / "d1.minimum.partitions").write_text((saved / "d1.partitions").read_text())
    (tmp_path / "tree").mkdir()
    filesystems.ext4(tmp_path / "2", 9, UUID.format(2), tmp_path / "tree")
    fog.save(tmp_path / "2", saved, 2, "ext4", packer="zstd")
    with imported(saved, tmp_path / "work") as found:
        assert found.notes == ("partition 2: the ext4, smaller in the image, fills its partition again",)
        (tmp_path / "grown").write_bytes(part_of(found.path, 2))
    run("e2fsck", "-fn", tmp_path / "grown")
    block = re.search(r"Block count:\s+(\d+)\n", run("dumpe2fs", "-h", tmp_path / "grown"))
    assert block
    assert int(block[1]) << 10 == 16 * MIB
    (saved / "d1.fixed_size_partitions").write_text("1:2\n")
    with imported(saved, tmp_path / "work") as found:
        assert found.notes == ("partition 2: the ext4 takes 9437184 of its 16777216 bytes",)


def test_an_ntfs_that_was_grown_can_be_captured(saved: Path, tmp_path: Path) -> None:
    """Ntfsresize leaves a mark, with which partclone believes no map; the copy of the boot sector moves."""
    (saved / "d1.minimum.partitions").write_text((saved / "d1.partitions").read_text())
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(random.Random(4).randbytes(MIB))
    filesystems.ntfs(tmp_path / "2", 9, 18432, tmp_path / "tree")
    fog.save(tmp_path / "2", saved, 2, "ntfs", packer="gzip")
    with imported(saved, tmp_path / "work") as found:
        assert found.notes == ("partition 2: the ntfs, smaller in the image, fills its partition again",)
        store = DirectoryStore(tmp_path / "store")
        added = add_image(store, KEY, found.path, Facts("sda_Lab"), Options(notes=found.notes))
        grown = part_of(found.path, 2)
    assert added.header.warnings[0] == found.notes[0]
    assert {item.partition: item.type for item in added.header.filesystems}[2] == "ntfs"
    assert added.counts.bytes_read < 30 * MIB
    assert grown[-512:] == grown[:512]


def test_an_extended_partition_has_no_content(saved: Path, tmp_path: Path) -> None:
    """FOG once kept the first sectors of the container as a partition's image."""
    if "label: gpt" in (saved / "d1.partitions").read_text():
        pytest.skip("a GPT has none")
    (saved / "d1p4.img").write_bytes(b"whatever")
    with imported(saved, tmp_path / "work") as found:
        assert table_of(found.path)


def test_what_cannot_grow_stays_as_it_was(saved: Path, tmp_path: Path) -> None:
    """With the reason, and unharmed."""
    (saved / "d1.minimum.partitions").write_text((saved / "d1.partitions").read_text())
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(b"x" * 20_000)
    filesystems.ext4(tmp_path / "2", 9, UUID.format(2), tmp_path / "tree", kind="ext2")
    run(
        "debugfs", "-w", "-R", "sif /file block[2] 5", tmp_path / "2"
    )  # which the file system's own tables use
    fog.save(tmp_path / "2", saved, 2, "ext4", packer="zstd")
    with imported(saved, tmp_path / "work") as found:
        assert re.match(r"partition 2: the ext2 stays at 9437184 of 16777216 bytes: e2fsck", found.notes[0])
        assert part_of(found.path, 2)[:MIB].strip(b"\0") == (tmp_path / "2").read_bytes()[:MIB].strip(b"\0")


def test_something_is_missing(disk: Path, saved: Path, tmp_path: Path) -> None:
    """A piece in the middle, the last one, a partition, the table."""
    pieces = sorted(saved.glob("d1p2.img.*"))
    middle = pieces[1].rename(tmp_path / "middle")
    refused(saved, tmp_path / "work", r"a piece of d1p2\.img is missing: the second")
    middle.rename(pieces[1])
    pieces[-1].unlink()
    refused(saved, tmp_path / "work", r"d1p2\.img\.000 is damaged: it ends early")
    fog.save(disk.with_name("2"), saved, 2, "ext4", packer="zstd", pieces=False)
    (saved / "d1p2.img").rename(tmp_path / "moved")
    refused(saved, tmp_path / "work", "holds nothing of partition 2")
    (tmp_path / "moved").rename(saved / "d1p2.img")
    (saved / "d1.partitions").unlink()
    (saved / "d1.mbr").unlink()
    refused(saved, tmp_path / "work", r"has no d1\.partitions")


def test_a_folder_of_several_disks(saved: Path, tmp_path: Path) -> None:
    """One at a time; its size is in a file."""
    for path in list(saved.glob("d1*")):
        shutil.copy(path, saved / path.name.replace("d1", "d2", 1))
    (saved / "d2.size").write_text(f"2:{64 * MIB}\n")
    hint = refused(saved, tmp_path / "work", "holds 2 disks: d1, d2")
    assert "--disk d1" in hint
    refused(Source(saved, disk="d3"), tmp_path / "work", "has no disk d3")
    if "label: dos" in (saved / "d1.partitions").read_text():
        with imported(Source(saved, disk="d2"), tmp_path / "work") as found:
            assert found.path.stat().st_size == 64 * MIB


def test_what_is_not_read_is_said(saved: Path, tmp_path: Path) -> None:
    """LVM's volumes one by one, partimage, and the folders of FOG 0.29."""
    for piece in saved.glob("d1p2.img.*"):
        piece.unlink()
    (saved / "d1p2.img").write_bytes(b"PaRtImAgE-VoLuMe" + bytes(1000))
    refused(saved, tmp_path / "work", r"d1p2\.img is an image by partimage")
    (saved / "d1p2.lvm").write_text("LVMFORMAT 2\n")
    assert "with FOG once" in refused(saved, tmp_path / "work", "FOG has saved the volumes of LVM")
    (saved / "sys.img.000").touch()
    refused(saved, tmp_path / "work", r"FOG 0\.29")


def test_a_raw_image_of_the_whole_disk(disk: Path, tmp_path: Path) -> None:
    """Nothing in the folder but its pieces."""
    folder = tmp_path / "Raw"
    folder.mkdir()
    image = tmp_path / "image"
    run(
        "partclone.imager",
        "-c",
        "-q",
        "--UI-fresh",
        "0",
        "-a0",
        "-s",
        disk,
        "-O",
        image,
        "-L",
        tmp_path / "log",
    )
    data = fog.PACK["gzip"](image.read_bytes())
    (folder / "Raw.000").write_bytes(data[:100_000])
    (folder / "Raw.001").write_bytes(data[100_000:])
    with imported(folder, tmp_path / "work") as found:
        assert found.path.read_bytes() == disk.read_bytes()
