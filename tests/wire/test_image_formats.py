"""Other people's images in and out, made and read by the tools they are for."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard

from initramfs.imaging.capture.capture import Facts
from initramfs.imaging.format.manifest import Manifest
from provisioner.images.formats.exports import Format, export_image
from provisioner.images.formats.imports import Given, Source, raw_file
from provisioner.images.operations import Options, add_image, load
from provisioner.stores.directory.store import DirectoryStore
from provisioner.stores.errors import StoreError
from tests.images import filesystems
from tests.images.clonezilla import save_disk, save_partition, split
from tests.images.disk import Slot, insert, partition
from tests.images.in_memory import KEY, MIB, PUBLIC
from tests.lab.command import run

UUID = "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a1{}"
pytestmark = [pytest.mark.wire, pytest.mark.root]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Noise, zeros, noise."""
    path, rng = tmp_path / "raw", random.Random(1)
    path.write_bytes(rng.randbytes(MIB + 512) + bytes(3 * MIB) + rng.randbytes(MIB - 512))
    return path


@pytest.fixture
def ext(tmp_path: Path) -> Path:
    """An ext4 with a file."""
    tree, path = tmp_path / "tree", tmp_path / "ext"
    tree.mkdir()
    (tree / "file").write_bytes(random.Random(2).randbytes(2 * MIB))
    filesystems.ext4(path, 24, UUID.format(1), tree)
    return path


@contextmanager
def unpacked(path: Path, folder: Path, given: Given | None = None) -> Iterator[Path]:
    """What is imported of a file or folder."""
    with raw_file(Source(path, given), folder) as found:
        yield found.path


def file_in(ext: Path) -> bytes:
    """The file inside, by debugfs."""
    out = ext.with_suffix(".out")
    run("debugfs", "-R", f"dump /file {out}", ext)
    return out.read_bytes()


def stored(path: Path, folder: Path, name: str = "sda5_Data") -> tuple[Manifest, DirectoryStore]:
    """Captured."""
    store = DirectoryStore(folder / "store")
    reference, _, _ = add_image(store, KEY, path, Facts(name), Options())
    return load(store, reference, PUBLIC), store


PACK: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "gzip": gzip.compress,
    "two gzip members": lambda data: gzip.compress(data[:MIB]) + gzip.compress(data[MIB:]),
    "zstd": zstandard.compress,
    "two zstd frames": lambda data: zstandard.compress(data[:MIB]) + zstandard.compress(data[MIB:]),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("pack", list(PACK.values()), ids=list(PACK))
def test_raw_files_come_in_as_they_are(raw: Path, tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """However they are packed; the name does not matter, and nothing is left behind."""
    source = tmp_path / "source"
    source.write_bytes(pack(raw.read_bytes()))
    with unpacked(source, tmp_path / "work", Given.RAW) as found:
        assert found.read_bytes() == raw.read_bytes()
        assert found == source or found.stat().st_blocks * 512 < 4 * MIB
    assert not list((tmp_path / "work").iterdir())


@pytest.mark.parametrize("pack", list(PACK.values())[1:], ids=list(PACK)[1:])
def test_a_file_that_was_cut_off_is_refused(
    raw: Path, tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    """And so is one with a flipped bit, where the packer kept a checksum."""
    source = tmp_path / "source"
    source.write_bytes(pack(raw.read_bytes())[:-5000])
    with pytest.raises(StoreError, match="is damaged"), unpacked(source, tmp_path / "work"):
        pass
    assert not list((tmp_path / "work").iterdir())


def test_an_export_of_each_kind_is_the_image_again(raw: Path, tmp_path: Path) -> None:
    """Raw and sparse; gzip as ``device_name.gz``; qcow2 that qemu-img checks."""
    image, store = stored(raw, tmp_path)
    export_image(image, store, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == raw.read_bytes()
    folder = tmp_path / "cloneimages"
    folder.mkdir()
    export_image(image, store, folder, Format.GZ)
    assert gzip.decompress((folder / "sda5_Data.gz").read_bytes()) == raw.read_bytes()
    export_image(image, store, folder, Format.QCOW2)
    run("qemu-img", "check", folder / "sda5_Data.qcow2")
    with unpacked(folder / "sda5_Data.qcow2", tmp_path / "work") as found:
        assert found.read_bytes() == raw.read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["sda5_Data.gz", "sda5_Data.qcow2"]


@pytest.mark.parametrize("form", list(Format))
def test_an_export_that_fails_leaves_nothing(raw: Path, tmp_path: Path, form: Format) -> None:
    """A missing chunk; and a file that is there is not overwritten."""
    image, store = stored(raw, tmp_path)
    folder = tmp_path / "out"
    folder.mkdir()
    next(store.chunk_path(digest) for digest in store.chunks()).unlink()
    with pytest.raises(Exception, match="does not have it"):
        export_image(image, store, folder / "file", form)
    assert not list(folder.iterdir())
    (folder / "file").write_text("mine")
    with pytest.raises(StoreError, match="there already"):
        export_image(image, store, folder / "file", form)


def test_without_qemu_img_the_reason_is_said(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the package to install."""
    image, store = stored(raw, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match="not installed") as caught:
        export_image(image, store, tmp_path / "x.qcow2", Format.QCOW2)
    assert "qemu-utils" in caught.value.hint


def test_a_qcow2_that_needs_another_file_is_refused(raw: Path, tmp_path: Path) -> None:
    """It could name any file of this machine."""
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", raw, "-F", "raw", tmp_path / "overlay")
    with (
        pytest.raises(StoreError, match="needs another file"),
        unpacked(tmp_path / "overlay", tmp_path / "work"),
    ):
        pass


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
def test_partclone_images_come_in(ext: Path, tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """Made by partclone, plain and compressed."""
    save_partition(ext, tmp_path / "image")
    (tmp_path / "image").write_bytes(pack((tmp_path / "image").read_bytes()))
    with unpacked(tmp_path / "image", tmp_path / "work") as found:
        run("e2fsck", "-fn", found)
        assert file_in(found) == file_in(ext)


@pytest.mark.parametrize("harm", ["flip", "cut"])
def test_a_damaged_partclone_image_is_refused(ext: Path, tmp_path: Path, harm: str) -> None:
    """Its checksums are not ignored."""
    image = tmp_path / "image"
    save_partition(ext, image)
    data = bytearray(image.read_bytes())
    data[len(data) // 2] ^= 1
    image.write_bytes(data if harm == "flip" else data[: len(data) // 2])
    with pytest.raises(StoreError, match="partclone refuses"), unpacked(image, tmp_path / "work"):
        pass


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path, ext: Path) -> Path:
    """A disk with FAT, ext4, swap and noise, boot code and something in the gap."""
    path = tmp_path / "disk"
    dos = request.param == "label: dos"
    types = {1: "c", 2: "83", 5: "82", 6: "83"} if dos else {1: "U", 2: "L", 5: "S", 6: "L"}
    extended = (Slot(4, 30, "5"),) if dos else ()
    slots = (
        Slot(1, 8, types[1]),
        Slot(2, 24, types[2]),
        *extended,
        Slot(5, 8, types[5]),
        Slot(6, 4, types[6]),
    )
    starts = partition(path, 80, request.param, slots)
    filesystems.fat(tmp_path / "1", 8, "1234abcd", ext.with_name("tree"))
    filesystems.swap(tmp_path / "5", 8, UUID.format(5))
    for number, part in ((1, tmp_path / "1"), (2, ext), (5, tmp_path / "5")):
        insert(path, starts[number], part)
    with path.open("r+b") as file:
        file.write(random.Random(3).randbytes(440))
        file.seek(starts[6] * 512)
        file.write(random.Random(4).randbytes(4 * MIB))
        if dos:
            file.seek(512)
            file.write(random.Random(5).randbytes(30_000))
    return path


@needs_root
@pytest.mark.parametrize("disk", ["label: dos", "label: gpt"], indirect=True)
def test_a_clonezilla_disk_comes_in(disk: Path, tmp_path: Path) -> None:
    """Table, boot code, gap, file systems, raw partition, swap: as they were."""
    folder = save_disk(disk, tmp_path / "saved", {1: "vfat", 2: "ext4", 5: "swap", 6: "dd"})
    with unpacked(folder, tmp_path / "work") as found:
        assert found.stat().st_size == disk.stat().st_size
        assert dump(found) == dump(disk)
        head = 31_000 if "dos" in run("sfdisk", "--dump", disk) else 440
        assert found.read_bytes()[:head] == disk.read_bytes()[:head]
        for number in (1, 2):
            assert blkid(found, number) == blkid(disk, number)
        assert blkid(found, 5) == blkid(disk, 5)
        assert content(found, 6) == content(disk, 6)
        (tmp_path / "part").write_bytes(content(found, 2))
        run("e2fsck", "-fn", tmp_path / "part")
        image, _ = stored(found, tmp_path, "sda_Disk")
        assert image.header.label
        assert len(image.header.filesystems) == 3
    assert not list((tmp_path / "work").iterdir())


@needs_root
@pytest.mark.parametrize("disk", ["label: gpt"], indirect=True)
def test_a_gpt_that_an_old_sfdisk_did_not_see_comes_in(disk: Path, tmp_path: Path) -> None:
    """Its dump shows the protective MBR; Clonezilla keeps the first sectors as well."""
    folder = save_disk(disk, tmp_path / "saved", {1: "vfat", 2: "ext4", 5: "swap", 6: "dd"})
    (folder / "sda-pt.sf").write_text("unit: sectors\n\n/dev/sda1 : start=1, size=163839, Id=ee\n")
    (folder / "sda-gpt-1st").write_bytes(disk.read_bytes()[: 34 * 512])
    with unpacked(folder, tmp_path / "work") as found:
        assert dump(found) == dump(disk)
        assert "No errors" in run("sfdisk", "--verify", found)
        assert content(found, 6) == content(disk, 6)


@needs_root
@pytest.mark.parametrize("disk", ["label: dos"], indirect=True)
def test_a_clonezilla_disk_with_a_missing_piece_is_refused(disk: Path, tmp_path: Path) -> None:
    """By the name of what is missing; nothing is left."""
    folder = save_disk(disk, tmp_path / "saved", {1: "vfat", 2: "ext4", 5: "swap", 6: "dd"})
    pieces = sorted(folder.glob("sda2.*"))
    assert len(pieces) > 2
    moved = pieces[1].rename(tmp_path / "moved")
    with pytest.raises(StoreError, match="is missing"), unpacked(folder, tmp_path / "work"):
        pass
    moved.rename(pieces[1])
    pieces[-1].unlink()
    with pytest.raises(StoreError, match=r"damaged|refuses"), unpacked(folder, tmp_path / "work"):
        pass
    for piece in folder.glob("sda2.*"):
        piece.unlink()
    with pytest.raises(StoreError, match="nothing of sda2"), unpacked(folder, tmp_path / "work"):
        pass
    assert not list((tmp_path / "work").iterdir())


def test_a_clonezilla_partition_comes_in(ext: Path, tmp_path: Path) -> None:
    """A folder of saveparts with one partition is that partition."""
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "parts").write_text("sda2\n")
    save_partition(ext, tmp_path / "image")
    split(gzip.compress((tmp_path / "image").read_bytes()), folder / "sda2.ext4-ptcl-img.gz")
    with unpacked(folder, tmp_path / "work") as found:
        assert file_in(found) == file_in(ext)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """With what it should be."""
    (tmp_path / "folder").mkdir()
    with (
        pytest.raises(StoreError, match="no image folder that is known"),
        unpacked(tmp_path / "folder", tmp_path / "work"),
    ):
        pass


def dump(disk: Path) -> list[str]:
    """The table without the devices' names."""
    return [
        line.rpartition(" : ")[2]
        for line in run("sfdisk", "--dump", disk).splitlines()
        if "device:" not in line
    ]


def content(disk: Path, number: int) -> bytes:
    """A partition's bytes."""
    start, size = place(disk, number)
    with disk.open("rb") as file:
        file.seek(start)
        return file.read(size)


def blkid(disk: Path, number: int) -> str:
    """Type, UUID and label of a partition."""
    start, size = place(disk, number)
    return run("blkid", "--probe", "-o", "export", "-O", str(start), "-S", str(size), disk).partition("\n")[2]


def place(disk: Path, number: int) -> tuple[int, int]:
    """Offset and size in bytes."""
    line = next(
        line for line in run("sfdisk", "--dump", disk).splitlines() if line.startswith(f"{disk}{number} ")
    )
    words = dict(
        word.split("=", 1) for word in line.partition(" : ")[2].replace(" ", "").split(",") if "=" in word
    )
    return int(words["start"]) * 512, int(words["size"]) * 512
