"""Whatever people have: packed by anything, for any virtual machine, or something that is no disk at all."""

from __future__ import annotations

import gzip
import io
import os
import random
import struct
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from initramfs.imaging.capture.capture import Facts
from initramfs.imaging.format.header import Kind
from provisioner.images.formats.imports import Given, Source
from provisioner.images.operations import Options, add_image
from provisioner.stores.directory.store import DirectoryStore
from tests.images import filesystems
from tests.images.disk import Slot, insert, partition
from tests.images.imported import imported, refused
from tests.images.in_memory import KEY, MIB
from tests.lab.command import run

pytestmark = [pytest.mark.wire]
PACKERS = {
    "lz4": ("lz4", "-q"),
    "lzop": ("lzop", "-q", "-o"),
    "lzip": ("lzip", "-0", "-k", "-o"),
    "pzstd": ("pzstd", "-q", "-p", "2", "-o"),
}
CONTAINERS = ("qcow2", "qcow", "vmdk", "vdi", "vhdx", "vpc", "qed", "parallels")


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk with an ext4."""
    folder = tmp_path_factory.mktemp("disk")
    (folder / "tree").mkdir()
    (folder / "tree" / "file").write_bytes(random.Random(2).randbytes(MIB // 2))
    starts = partition(folder / "disk", 20, "label: dos", (Slot(1, 16, "83"),))
    filesystems.ext4(folder / "ext", 16, "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a11", folder / "tree")
    insert(folder / "disk", starts[1], folder / "ext")
    return folder / "disk"


def pack(disk: Path, packer: str, target: Path) -> Path:
    """By the packer's own program."""
    command = PACKERS[packer]
    run(*command, *((target, disk) if command[-1] == "-o" else (disk, target)))
    return next(path for path in (target, target.with_suffix(".lz")) if path.exists())


@pytest.mark.parametrize("packer", list(PACKERS))
def test_what_clonezillas_packers_make_is_unpacked(disk: Path, tmp_path: Path, packer: str) -> None:
    """And what is cut off, or goes on behind its end, is damaged."""
    packed = pack(disk, packer, tmp_path / "packed")
    with imported(packed, tmp_path / "work") as found:
        assert found.path.read_bytes() == disk.read_bytes()
    data = packed.read_bytes()
    for harm in (data[:-2000], data + b"something else"):
        packed.write_bytes(harm)
        refused(packed, tmp_path / "work", "is damaged")


def test_a_packer_that_is_not_installed_is_named(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the package to install."""
    packed = {packer: pack(disk, packer, tmp_path / f"packed-{packer}") for packer in ("lz4", "lzop", "lzip")}
    monkeypatch.setenv("PATH", str(tmp_path))
    for packer, path in packed.items():
        assert refused(path, tmp_path / "work", f"{packer} is not installed") == f"apt install {packer}"


@pytest.mark.parametrize("kind", CONTAINERS)
def test_virtual_machines_disks_are_converted(disk: Path, tmp_path: Path, kind: str) -> None:
    """Plain and packed; a VHD may be rounded up to whole cylinders."""
    container = tmp_path / "container"
    run("qemu-img", "convert", "-f", "raw", "-O", kind, disk, container)
    (tmp_path / "packed").write_bytes(gzip.compress(container.read_bytes()))
    for source in (container, tmp_path / "packed"):
        with imported(source, tmp_path / "work") as found:
            content = found.path.read_bytes()
            assert content.rstrip(b"\0") == disk.read_bytes().rstrip(b"\0")
            assert len(content) == disk.stat().st_size or (
                kind == "vpc" and len(content) > disk.stat().st_size
            )


def make_fixed_vhd(disk: Path, container: Path) -> None:
    """A raw disk with a footer behind it."""
    options = ("-O", "vpc", "-o", "subformat=fixed,force_size=on")
    run("qemu-img", "convert", "-f", "raw", *options, disk, container)


def test_a_vhd_of_fixed_size_is_known_by_its_end(disk: Path, tmp_path: Path) -> None:
    """It begins as the disk that it is; its footer is no part of that."""
    container = tmp_path / "fixed.vhd"
    make_fixed_vhd(disk, container)
    assert container.stat().st_size == disk.stat().st_size + 512
    with imported(container, tmp_path / "work") as found:
        assert found.path.read_bytes() == disk.read_bytes()


def test_a_vhd_is_as_long_as_it_says(disk: Path, tmp_path: Path) -> None:
    """Not as whole cylinders are, as of programs that qemu-img does not know; its name may have commas."""
    container = tmp_path / "from, elsewhere.vhd"
    make_fixed_vhd(disk, container)
    data = bytearray(container.read_bytes())
    footer = len(data) - 512
    data[footer + 28 : footer + 32] = b"else"
    data[footer + 56 : footer + 60] = struct.pack(">HBB", 600, 4, 17)
    data[footer + 64 : footer + 68] = bytes(4)
    data[footer + 64 : footer + 68] = (~sum(data[footer : footer + 85]) & 0xFFFFFFFF).to_bytes(4, "big")
    container.write_bytes(data)
    assert str(600 * 4 * 17 * 512) in run("qemu-img", "info", "-f", "vpc", container)
    with imported(container, tmp_path / "work") as found:
        assert found.path.read_bytes() == disk.read_bytes()


def test_a_streamed_vmdk_is_converted(disk: Path, tmp_path: Path) -> None:
    """As it lies in an OVA."""
    container = tmp_path / "disk.vmdk"
    run("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", disk, container)
    with imported(container, tmp_path / "work") as found:
        assert found.path.read_bytes() == disk.read_bytes()


@pytest.mark.parametrize("form", ["monolithicFlat", "twoGbMaxExtentSparse"])
def test_a_vmdk_that_names_other_files_is_refused(disk: Path, tmp_path: Path, form: str) -> None:
    """They could be any file of this machine."""
    run(
        "qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", f"subformat={form}", disk, tmp_path / "x.vmdk"
    )
    refused(tmp_path / "x.vmdk", tmp_path / "work", "other files")


def test_a_damaged_container_is_refused_with_the_reason(disk: Path, tmp_path: Path) -> None:
    """In qemu-img's words, without its usage."""
    container = tmp_path / "x.vhdx"
    run("qemu-img", "convert", "-f", "raw", "-O", "vhdx", disk, container)
    os.truncate(container, 200_000)
    refused(container, tmp_path / "work", "^qemu-img refuses it: [^|]*$")


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("lost", [4096, MIB // 2, 16 * MIB - 4096])
def test_a_container_that_was_cut_off_is_refused(tmp_path: Path, kind: str, lost: int) -> None:
    """qemu-img takes what is missing for zeros, in half of the kinds without a word."""
    (tmp_path / "raw").write_bytes(random.Random(3).randbytes(16 * MIB))
    container = tmp_path / "container"
    run("qemu-img", "convert", "-f", "raw", "-O", kind, tmp_path / "raw", container)
    os.truncate(container, container.stat().st_size - lost)
    refused(container, tmp_path / "work", "ends early|is damaged|refuses it")


def test_a_qcow_without_its_last_tables_is_refused(tmp_path: Path) -> None:
    """Cut just before one, so that all that is still named is there."""
    (tmp_path / "raw").write_bytes(random.Random(3).randbytes(6 * MIB))
    container = tmp_path / "container"
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow", tmp_path / "raw", container)
    start = struct.unpack_from(">Q", container.read_bytes(), 40)[0]
    tables = struct.unpack_from(">3Q", container.read_bytes(), start)
    os.truncate(container, tables[-1])
    refused(container, tmp_path / "work", "ends early")


def test_a_compressed_qcow2_without_its_end_is_refused(tmp_path: Path) -> None:
    """Zeros decompress, too; qemu-img misses no less than a cluster."""
    (tmp_path / "raw").write_bytes(bytes(random.Random(3).choices(b"abcd", k=MIB)))
    container = tmp_path / "container"
    run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", tmp_path / "raw", container)
    size = container.stat().st_size
    os.truncate(container, size - 3000)
    run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", container, tmp_path / "wrong")
    assert (tmp_path / "wrong").read_bytes() != (tmp_path / "raw").read_bytes()
    refused(container, tmp_path / "work", f"ends early, at byte {size - 3000}")


def test_a_container_with_little_in_it_is_whole(tmp_path: Path) -> None:
    """Kinds that leave out zeros, compressed clusters, and what was allocated and never written."""
    with (tmp_path / "raw").open("wb") as file:
        file.truncate(64 * MIB)
        file.seek(MIB)
        file.write(b"begins like nothing" * 1000)
    run("sfdisk", "--quiet", tmp_path / "raw", stdin="label: dos\nsize=32MiB\n")
    forms: list[tuple[str, tuple[str, ...]]] = [(kind, ()) for kind in CONTAINERS]
    forms += [("qcow2", ("-c",)), ("vmdk", ("-o", "subformat=streamOptimized"))]
    forms += [("qcow2", ("-o", f"preallocation={how}")) for how in ("metadata", "falloc")]
    forms += [("qcow2", ("-c", "-o", "extended_l2=on")), ("qcow2", ("-c", "-o", "compat=0.10"))]
    forms += [("vdi", ("-o", "static=on")), ("vhdx", ("-o", "subformat=fixed"))]
    for number, (kind, options) in enumerate(forms):
        container = tmp_path / f"{number}.{kind}"
        run("qemu-img", "convert", "-f", "raw", "-O", kind, *options, tmp_path / "raw", container)
        with imported(container, tmp_path / "work") as found:
            assert found.path.read_bytes().rstrip(b"\0") == (tmp_path / "raw").read_bytes().rstrip(b"\0")


def test_a_vhd_of_differences_is_refused(disk: Path, tmp_path: Path) -> None:
    """qemu-img takes it for a whole one."""
    container = tmp_path / "x.avhd"
    run("qemu-img", "convert", "-f", "raw", "-O", "vpc", disk, container)
    data = bytearray(container.read_bytes())
    for footer in (0, len(data) - 512):
        data[footer + 60 : footer + 68] = struct.pack(">II", 4, 0)
        data[footer + 64 : footer + 68] = (~sum(data[footer : footer + 512]) & 0xFFFFFFFF).to_bytes(4, "big")
    container.write_bytes(data)
    assert "vpc" in run("qemu-img", "info", "-f", "vpc", container)
    refused(container, tmp_path / "work", "x.avhd needs another file")


def tar_of(disk: Path) -> bytes:
    """An archive with the disk in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(disk, "disk.img")
    return buffer.getvalue()


def zip_of(disk: Path) -> bytes:
    """The same for Windows."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(disk, "disk.img")
    return buffer.getvalue()


def test_archives_are_refused_by_name(disk: Path, tmp_path: Path) -> None:
    """Also those that are packed; and what is packed twice."""
    source = tmp_path / "source"
    for data, name in (
        (tar_of(disk), "a tar archive"),
        (gzip.compress(tar_of(disk)), "a tar archive"),
        (zip_of(disk), "a zip archive"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(506), "a 7z archive"),
        (bytes(32769) + b"\1CD001".lstrip(b"\1") + bytes(2042), "an ISO image that is no disk"),
        (gzip.compress(gzip.compress(disk.read_bytes())), "packed twice: what gzip has packed"),
    ):
        source.write_bytes(data)
        refused(source, tmp_path / "work", name)


def test_raw_is_what_was_said_to_be_raw(tmp_path: Path) -> None:
    """Or what looks like a disk or a file system: noise does not."""
    noise = tmp_path / "noise"
    noise.write_bytes(random.Random(3).randbytes(MIB))
    assert "--format raw" in refused(noise, tmp_path / "work", "begins like no disk and no file system")
    for given in (noise, tmp_path / "tar"):
        given.write_bytes(noise.read_bytes()[:257] + b"ustar" + noise.read_bytes()[262:])
        with imported(Source(given, Given.RAW), tmp_path / "work") as found:
            assert found.path == given


def test_a_stick_made_of_an_iso_image_is_one_piece(tmp_path: Path) -> None:
    """Its partitions overlap: refused, with the way to keep it all the same."""
    stick = bytearray(4 * MIB)
    stick[446:462] = struct.pack("<B3xB3xII", 0x80, 0x17, 0, 8192)
    stick[462:478] = struct.pack("<B3xB3xII", 0, 0xEF, 64, 512)
    stick[510:512], stick[32769:32774] = b"\x55\xaa", b"CD001"
    (tmp_path / "stick").write_bytes(gzip.compress(stick))
    assert "--format raw" in refused(tmp_path / "stick", tmp_path / "work", "partitions 1 and 2 overlap")
    with imported(Source(tmp_path / "stick", Given.RAW), tmp_path / "work") as found:
        assert found.opaque
        store = DirectoryStore(tmp_path / "store")
        added = add_image(store, KEY, found.path, Facts("sda_Stick"), Options(raw=found.opaque))
    assert (added.header.kind, added.header.label) == (Kind.DISK, None)


def test_what_comes_through_a_pipe_is_read_once(disk: Path, tmp_path: Path) -> None:
    """As from ``ssh other cat disk``."""
    os.mkfifo(tmp_path / "pipe")
    with (
        subprocess.Popen(("cp", disk, tmp_path / "pipe")),
        imported(tmp_path / "pipe", tmp_path / "work") as found,
    ):
        assert found.path.read_bytes() == disk.read_bytes()


def test_what_looks_like_a_disk_or_a_file_system_is_raw(disk: Path, tmp_path: Path) -> None:
    """As it is, where it lies."""
    for path in (disk, disk.with_name("ext")):
        with imported(path, tmp_path / "work") as found:
            assert (found.path, found.sector_size, found.notes) == (path, 512, ())
