"""Disks with sectors of 4096 bytes (4Kn), exported as files that have none, and imported again."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard

from initramfs.imaging.capture.capture import Facts
from initramfs.imaging.errors import LayoutError
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.model import Label
from provisioner.images.formats.exports import Format, export_image, import_hint
from provisioner.images.formats.imports import Source
from provisioner.images.operations import Options, add_image, load, open_target, restore_image
from provisioner.stores.directory.store import DirectoryStore
from tests.images import filesystems
from tests.images.clonezilla import save_partition
from tests.images.imported import imported, refused
from tests.images.in_memory import KEY, MIB, PUBLIC
from tests.lab.command import run

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")
pytestmark = [pytest.mark.wire, pytest.mark.root, needs_root]
UUID = "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a11"


@contextmanager
def four_k(path: Path) -> Iterator[Path]:
    """A file as a disk with sectors of 4096 bytes."""
    loop = Path(run("losetup", "--find", "--show", "--sector-size", "4096", path).strip())
    try:
        yield loop
    finally:
        run("losetup", "--detach", loop)


def made(folder: Path, label: str, *, filesystem: bool = True) -> Path:
    """A 4Kn disk of 48 MiB with one partition of 16 MiB from the first MiB on, with an ext4 in it."""
    disk = folder / "disk"
    filesystems.blank(disk, 48)
    with four_k(disk) as loop:
        run(
            "sfdisk",
            "-q",
            "--no-reread",
            loop,
            stdin=f"label: {label}\nstart=256, size=1024\nstart=2048, size=256\n",
        )
    if filesystem:
        (folder / "tree").mkdir(exist_ok=True)
        (folder / "tree" / "file").write_bytes(random.Random(2).randbytes(MIB))
        filesystems.ext4(folder / "ext", 4, UUID, folder / "tree")
        with disk.open("r+b") as file:
            file.seek(MIB)
            file.write((folder / "ext").read_bytes())
    return disk


def captured(source: Path, store: DirectoryStore, options: Options | None = None) -> Manifest:
    """As an image."""
    reference, _, _ = add_image(store, KEY, source, Facts("sda_Four"), options or Options())
    return load(store, reference, PUBLIC)


def label_of(image: Manifest) -> Label:
    """Of a disk image."""
    assert image.header.label is not None
    return image.header.label


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize("label", ["gpt", "dos"])
def test_what_is_exported_comes_back(tmp_path: Path, label: str, form: Format) -> None:
    """The partitions at their places, the sectors as they were; a file is captured likewise."""
    disk, store = made(tmp_path, label), DirectoryStore(tmp_path / "store")
    with four_k(disk) as loop:
        image = captured(loop, store)
    assert image.header.sector_size == 4096
    assert [(area.start, area.size) for area in label_of(image).areas] == [(MIB, 4 * MIB), (8 * MIB, MIB)]
    export_image(image, store, tmp_path / "exported", form)
    assert not import_hint(image, store)
    with imported(tmp_path / "exported", tmp_path / "work") as found:
        assert found.path.read_bytes() == disk.read_bytes()
        again = captured(found.path, store, Options(sector_size=found.sector_size))
    for other in (again, captured(disk, store)):
        assert other.header.sector_size == 4096
        assert other.header.label == image.header.label
        assert list(other.index) == list(image.index)


def test_what_the_content_does_not_tell_is_said(tmp_path: Path) -> None:
    """An MBR with nothing known in its partitions: the export tells the option, the import asks for it."""
    disk, store = made(tmp_path, "dos", filesystem=False), DirectoryStore(tmp_path / "store")
    with four_k(disk) as loop:
        image = captured(loop, store)
    assert import_hint(image, store) == "--sector-size 4096"
    export_image(image, store, tmp_path / "exported")
    hint = refused(tmp_path / "exported", tmp_path / "work", "fits sectors of 512 and of 4096 bytes")
    assert "--sector-size" in hint
    with imported(Source(tmp_path / "exported", sector_size=4096), tmp_path / "work") as found:
        again = captured(found.path, store, Options(sector_size=found.sector_size))
    assert again.header.label == image.header.label


@pytest.mark.parametrize("label", ["gpt", "dos"])
def test_a_partition_is_not_written_to_an_eighth_of_its_place(tmp_path: Path, label: str) -> None:
    """The table of the disk in the target file tells its sectors, not the image."""
    disk, store = made(tmp_path, label), DirectoryStore(tmp_path / "store")
    image, before = captured(tmp_path / "ext", store), disk.read_bytes()
    assert image.header.sector_size == 512
    with (
        open_target(disk, image) as target,
        pytest.raises(LayoutError, match="sectors of 512 bytes, the target"),
    ):
        restore_image(image, store, target, partition=2)
    assert disk.read_bytes() == before


@pytest.mark.parametrize("label", ["gpt", "dos"])
@pytest.mark.parametrize("program", ["clonezilla", "fog"])
def test_a_folder_of_such_a_disk_comes_in(tmp_path: Path, program: str, label: str) -> None:
    """By the sizes in sfdisk's and parted's words; sfdisk said nothing of them before 2.35."""
    disk, folder = made(tmp_path, label), tmp_path / "saved"
    folder.mkdir()
    with four_k(disk) as loop:
        table = run("sfdisk", "--dump", loop)
    part = tmp_path / "2"
    part.write_bytes(disk.read_bytes()[8 * MIB : 9 * MIB])
    save_partition(tmp_path / "ext", tmp_path / "image")
    save_partition(part, tmp_path / "raw", "imager")
    if program == "fog":
        (folder / "d1.partitions").write_text(table)
        shutil.copy(disk, folder / "d1.mbr")
        os.truncate(folder / "d1.mbr", MIB)
        (folder / "d1p1.img").write_bytes(zstandard.compress((tmp_path / "image").read_bytes()))
        shutil.copy(tmp_path / "raw", folder / "d1p2.img")
        if label == "gpt":
            data = (folder / "d1.mbr").read_bytes()
            (folder / "d1.mbr").write_bytes(data[:512] + data[4096:8192])
    else:
        (folder / "disk").write_text("sda\n")
        (folder / "parts").write_text("sda1 sda2\n")
        old = "\n".join(line for line in table.splitlines() if not line.startswith("sector-size"))
        (folder / "sda-pt.sf").write_text(old + "\n")
        (folder / "sda-pt.parted").write_text(
            f"Disk /dev/sda: {48 * MIB // 4096}s\nSector size (logical/physical): 4096B/4096B\n"
        )
        shutil.copy(tmp_path / "image", folder / "sda1.ext4-ptcl-img")
        shutil.copy(part, folder / "sda2.dd-img")
    with imported(folder, tmp_path / "work") as found:
        assert found.sector_size == 4096
        with four_k(found.path) as loop:
            new = run("sfdisk", "--dump", loop)
        assert [line.split(":")[1:] for line in new.splitlines() if " : " in line] == [
            line.split(":")[1:] for line in table.splitlines() if " : " in line
        ]
        (tmp_path / "back").write_bytes(found.path.read_bytes()[MIB : 5 * MIB])
    run("e2fsck", "-fn", tmp_path / "back")
