"""What is read of Clonezilla's folders before anything is unpacked."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.images.formats import clonezilla
from provisioner.images.formats.saved_disk import Saved, Swap
from provisioner.stores.errors import StoreError

TABLE = """label: dos
label-id: 0x1234abcd
device: /dev/{disk}
unit: sectors

/dev/{disk}1 : start=        2048, size=       20480, type=83
/dev/{disk}2 : start=       22528, size=       20480, type=82
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a disk with a file system and a swap area."""
    (tmp_path / "disk").write_text("sda\n")
    (tmp_path / "parts").write_text("sda1\n")
    (tmp_path / "sda-pt.sf").write_text(TABLE.format(disk="sda"))
    (tmp_path / "sda1.ext4-ptcl-img.gz.aa").touch()
    (tmp_path / "swappt-sda2.info").write_text('UUID="0b1f-2"\nLABEL="swap"\n')
    return tmp_path


def test_a_whole_folder(folder: Path) -> None:
    """Files, swap areas, the size as parted counts it, and the sectors that an old sfdisk did not tell."""
    said = "Disk /dev/sda: 6000s\nSector size (logical/physical): 4096B/4096B\n"
    (folder / "sda-pt.parted").write_text(said)
    disk = clonezilla.read(folder)
    assert disk.parts == {1: Saved((folder / "sda1.ext4-ptcl-img.gz.aa",))}
    assert disk.swaps == {2: Swap("0b1f-2", "swap")}
    assert (disk.name, disk.size, disk.table.sector_size, disk.only) == ("sda", 6000 * 4096, 4096, None)


def test_names_of_pieces_and_of_packers(folder: Path) -> None:
    """``.gz`` at a name's end tells how it is packed, unless it is the 182nd piece."""
    (folder / "sda1.ext4-ptcl-img.gz.aa").unlink()
    (folder / "sda1.dd-img.gz").touch()
    assert clonezilla.read(folder).parts == {1: Saved((folder / "sda1.dd-img.gz",), raw=True)}
    (folder / "sda1.dd-img.aa").touch()
    with pytest.raises(StoreError, match="the second, before sda1"):
        clonezilla.read(folder)


def test_a_partition_that_is_there_twice(folder: Path) -> None:
    """Which of the files is the right one is for people to say."""
    (folder / "sda1.ext4-ptcl-img.zst").touch()
    with pytest.raises(StoreError, match="holds sda1 twice"):
        clonezilla.read(folder)


def test_one_disk_of_several(folder: Path) -> None:
    """By its name."""
    (folder / "disk").write_text("sda sdb\n")
    (folder / "parts").write_text("sda1 sdb1\n")
    (folder / "sdb-pt.sf").write_text(TABLE.format(disk="sdb"))
    (folder / "sdb1.dd-img").touch()
    with pytest.raises(StoreError, match="holds 2 disks: sda, sdb") as caught:
        clonezilla.read(folder)
    assert "--disk" in caught.value.hint
    assert clonezilla.read(folder, "sdb").parts == {1: Saved((folder / "sdb1.dd-img",), raw=True)}
    with pytest.raises(StoreError, match="has no disk sdc"):
        clonezilla.read(folder, "sdc")
    (folder / "parts").write_text("sda1\n")
    with pytest.raises(StoreError, match="lists no partition of sdb"):
        clonezilla.read(folder, "sdb")


def test_disks_whose_partitions_have_a_p(folder: Path) -> None:
    """And whose number is no partition's."""
    for path in folder.iterdir():
        path.unlink()
    (folder / "disk").write_text("nvme0n1\n")
    (folder / "parts").write_text("nvme0n1p1\n")
    (folder / "nvme0n1-pt.sf").write_text(TABLE.format(disk="nvme0n1p"))
    (folder / "nvme0n1p1.ntfs-ptcl-img.zst.aa").touch()
    assert list(clonezilla.read(folder).parts) == [1]


def test_a_file_system_on_a_disk_without_a_table(folder: Path) -> None:
    """The disk itself is the partition."""
    for path in folder.iterdir():
        path.unlink()
    (folder / "disk").write_text("sdb\n")
    (folder / "parts").write_text("sdb\n")
    (folder / "sdb.ext4-ptcl-img.zst").touch()
    disk = clonezilla.read(folder)
    assert (disk.only, disk.parts) == (0, {0: Saved((folder / "sdb.ext4-ptcl-img.zst",))})


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("lvm_logv.list", "/dev/vg/root  Linux rev 1.0 ext4\n", "volumes of LVM"),
        ("luks-dev.list", "# <Block device> …\n/dev/sda1 0b1f /dev/mapper/x\n", "LUKS"),
        ("sda1.aa", "", "made by partimage"),
        ("sda1.000", "", "made by partimage"),
        ("sda1.ntfs-img.aa", "", "made by ntfsclone"),
    ],
)
def test_what_is_not_read_is_said(folder: Path, name: str, content: str, words: str) -> None:
    """Each by its own name."""
    (folder / name).write_text(content)
    with pytest.raises(StoreError, match=words):
        clonezilla.read(folder)


@pytest.mark.parametrize("name", ["ecryptfs.info", "gocryptfs.info"])
def test_an_encrypted_folder_is_said_to_be_one(folder: Path, name: str) -> None:
    """Its other files have names that say nothing."""
    (folder / name).touch()
    with pytest.raises(StoreError, match="encrypted"):
        clonezilla.is_folder(folder)


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("parts", "no list of partitions"),
        ("sda-pt.sf", r"has no sda-pt\.sf"),
        ("sda1.ext4-ptcl-img.gz.aa", "nothing of sda1"),
    ],
)
def test_what_is_missing_is_named(folder: Path, lost: str, words: str) -> None:
    """The folder was not copied whole."""
    (folder / lost).unlink()
    with pytest.raises(StoreError, match=words):
        clonezilla.read(folder)
