"""Partition tables: as sfdisk makes them, as disks' earlier lives leave them, moved to other disks."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initramfs.imaging.errors import LabelError
from initramfs.imaging.label import read_label
from initramfs.imaging.label.gpt import GptHeader, move
from initramfs.imaging.label.model import FIRST_LOGICAL, Label, LabelType, Partition
from tests.images.disk import Slot, partition
from tests.images.filesystems import blank
from tests.images.in_memory import MIB
from tests.lab.command import run

CLONESYS = (
    Slot(1, 4, "c", "bootable"), Slot(2, 4, "83"), Slot(4, 0, "5"), Slot(5, 6, "7"), Slot(6, 4, "c"),
    Slot(7, 4, "82"), Slot(8, 8, "83"),
)  # fmt: skip
MODERN = (Slot(1, 4, "U", 'name="EFI system"'), Slot(2, 8, "L"), Slot(3, 4, "S"))


def reader(data: bytes) -> Callable[[int, int], bytes]:
    """A disk in memory."""
    return lambda offset, length: data[offset : offset + length]


def label_of(data: bytes) -> Label | None:
    """The label of a disk in memory, with sectors of 512 bytes."""
    return read_label(reader(data), len(data), 512)


def sfdisk(path: Path) -> dict[str, Any]:
    """What sfdisk reads."""
    table: dict[str, Any] = json.loads(run("sfdisk", "--json", path))["partitiontable"]
    return table


@pytest.fixture
def mbr(tmp_path: Path) -> Path:
    """A disk like the one of 1999."""
    partition(tmp_path / "mbr", 40, "label: dos", CLONESYS)
    return tmp_path / "mbr"


@pytest.fixture
def gpt(tmp_path: Path) -> Path:
    """A disk of today."""
    partition(tmp_path / "gpt", 20, "label: gpt", MODERN)
    return tmp_path / "gpt"


def test_a_clonesys_table_is_read_as_sfdisk_reads_it(mbr: Path) -> None:
    """Primary, extended and logical partitions with their numbers, types and places."""
    label, table = label_of(mbr.read_bytes()), sfdisk(mbr)
    assert label is not None
    assert label.type is LabelType.MBR
    assert f"0x{label.id}" == table["id"]
    assert [(p.start, p.size, p.type, p.bootable) for p in label.partitions] == [
        (p["start"] * 512, p["size"] * 512, p["type"], p.get("bootable", False)) for p in table["partitions"]
    ]
    assert [p.number for p in label.partitions] == [1, 2, 4, 5, 6, 7, 8]
    assert [p.number for p in label.areas] == [1, 2, 5, 6, 7, 8]
    assert label.area(4) is None


def test_a_gpt_is_read_as_sfdisk_reads_it(gpt: Path) -> None:
    """Types, identifiers and names too."""
    label, table = label_of(gpt.read_bytes()), sfdisk(gpt)
    assert label is not None
    assert label.id.upper() == table["id"]
    assert [(p.start, p.size, p.type.upper(), p.uuid.upper(), p.name) for p in label.partitions] == [
        (p["start"] * 512, p["size"] * 512, p["type"], p["uuid"], p.get("name", ""))
        for p in table["partitions"]
    ]


@pytest.mark.parametrize("size", [20 * MIB + 512, 64 * MIB])
def test_a_moved_gpt_is_what_sfdisk_wants(gpt: Path, size: int) -> None:
    """Both copies, their checksums, the protective MBR and the usable sectors fit the new disk."""
    old = sfdisk(gpt)
    moved = move(gpt.read_bytes()[:MIB], 512, size)
    with gpt.open("r+b") as file:
        file.truncate(size)
        file.write(moved.head)
        file.seek(moved.tail_offset)
        file.write(moved.tail)
    assert moved.tail_offset + len(moved.tail) == size
    said = run("sfdisk", "--verify", gpt)
    assert "No errors detected" in said
    assert "mismatch" not in said
    new = sfdisk(gpt)
    assert new["partitions"] == old["partitions"]
    assert (new["id"], new["firstlba"], new["lastlba"]) == (old["id"], old["firstlba"], size // 512 - 34)
    assert GptHeader.decode(gpt.read_bytes()[-512:]).alternate_lba == 1


def test_a_gpt_does_not_move_to_a_disk_that_is_too_small(gpt: Path) -> None:
    """Its last partition and the backup must fit."""
    with pytest.raises(LabelError, match="no room"):
        move(gpt.read_bytes()[:MIB], 512, 17 * MIB)


@pytest.mark.parametrize(("offset", "what"), [(512 + 60, "header's checksum"), (1024 + 40, "entries")])
def test_a_damaged_gpt_is_refused(gpt: Path, offset: int, what: str) -> None:
    """Which copy is right is for a person to say."""
    data = bytearray(gpt.read_bytes())
    data[offset] ^= 1
    with pytest.raises(LabelError, match=what):
        label_of(bytes(data))


def test_a_chain_that_loops_is_refused(mbr: Path) -> None:
    """A logical partition's record that leads back to itself ends nowhere."""
    label, data = label_of(mbr.read_bytes()), bytearray(mbr.read_bytes())
    assert label is not None
    extended = label.partitions[2]
    struct.pack_into("<I", data, extended.start + 446 + 16 + 8, 0)
    with pytest.raises(LabelError, match="leads to"):
        label_of(bytes(data))


def test_partitions_beyond_the_disk_are_refused(mbr: Path) -> None:
    """A disk image that was cut off is not captured as if it were whole."""
    with pytest.raises(LabelError, match="ends at byte"):
        label_of(mbr.read_bytes()[: 30 * MIB])


def test_boot_sectors_are_no_labels(tmp_path: Path) -> None:
    """FAT and NTFS begin with a sector that ends with 55 AA too."""
    for make in (
        ("mkfs.fat",),
        ("mkfs.fat", "-F", "32"),
        ("mkntfs", "-q", "-F", "-f", "-p", "0", "-H", "255", "-S", "63"),
    ):
        path = tmp_path / "fs"
        blank(path, 40)
        run(*make, path)
        assert path.read_bytes()[510:512] == b"\x55\xaa"
        assert label_of(path.read_bytes()) is None


@pytest.mark.parametrize("label", ["dos", "gpt"])
@pytest.mark.parametrize("make", [("mkfs.fat", "-F", "32", "-I"), ("mkfs.fat", "-I"), ("mkfs.exfat",)])
def test_a_table_beside_an_old_boot_sector_is_a_table(
    label: str, make: tuple[str, ...], tmp_path: Path
) -> None:
    """As sfdisk leaves it on a stick that was one FAT before; the kernel reads it so too.

    Taken for the FAT, only what that one calls used would be captured.
    """
    path = tmp_path / "stick"
    blank(path, 40)
    run(*make, path)
    run("sfdisk", "-q", "--no-reread", "--no-tell-kernel", path, stdin=f"label: {label}\nsize=30MiB\n")
    assert path.read_bytes()[3:11].strip() in (b"mkfs.fat", b"EXFAT")
    found = label_of(path.read_bytes())
    assert found is not None
    assert [(part.start, part.size) for part in found.areas] == [(MIB, 30 * MIB)]


def test_a_blank_disk_has_no_label() -> None:
    """Neither has one that is smaller than a sector."""
    assert label_of(bytes(MIB)) is None
    assert label_of(b"") is None


@given(st.lists(st.binary(min_size=64, max_size=64), min_size=1, max_size=8))
def test_any_table_is_read_or_refused(tables: list[bytes]) -> None:
    """Garbage with a valid magic number gives a label or a LabelError, nothing else, and always an end."""
    disk = b"".join(bytes(446) + table + b"\x55\xaa" for table in tables)
    try:
        label = label_of(disk)
    except LabelError:
        return
    assert label is None or all(p.end <= len(disk) for p in label.partitions)


def mbr_of(*parts: tuple[int, int, int, str]) -> Label:
    """A table of partitions: number, start and size in MiB, type."""
    return Label(
        LabelType.MBR, "0", tuple(Partition(n, at * MIB, size * MIB, kind) for n, at, size, kind in parts)
    )


def gpt_of(*parts: tuple[int, int, int]) -> Label:
    """The same of today: number, start and size in bytes."""
    return Label(LabelType.GPT, "0", tuple(Partition(n, at, size, "5") for n, at, size in parts))


@pytest.mark.parametrize(
    "label",
    [
        mbr_of(),
        mbr_of((1, 5, 1, "83"), (2, 1, 4, "f"), (5, 2, 1, "7"), (6, 4, 1, "0")),
        mbr_of((1, 1, 2, "5"), (2, 3, 2, "85"), (5, 2, 1, "83")),
        gpt_of((7, 5 * MIB, MIB), (128, MIB, 4 * MIB)),
        gpt_of((1, 0, 512)),
    ],
    ids=["empty", "logical", "two containers", "gpt", "a sector"],
)
def test_tables_that_disks_have(label: Label) -> None:
    """Partitions need not lie in the order of their numbers, and an extended one is not always alone."""
    label.check(6 * MIB, 512)


@pytest.mark.parametrize(
    ("label", "why"),
    [
        (mbr_of((1, 1, 1, "83"), (1, 2, 1, "83")), "same number"),
        (mbr_of((2, 1, 1, "83"), (1, 2, 1, "83")), "numbered"),
        (mbr_of((0, 1, 1, "83")), "numbered"),
        (mbr_of((1, 1, 2, "83"), (2, 2, 1, "83")), "partitions 1 and 2 overlap"),
        (mbr_of((1, 1, 3, "5"), (5, 1, 2, "83"), (6, 2, 2, "83")), "partitions 5 and 6 overlap"),
        (mbr_of((1, 1, 4, "5"), (2, 2, 1, "83")), "partitions 1 and 2 overlap"),
        (mbr_of((1, 1, 3, "5"), (2, 2, 3, "85")), "partitions 1 and 2 overlap"),
        (mbr_of((1, 1, 2, "5"), (5, 2, 2, "83")), "partition 5 lies outside"),
        (mbr_of((1, 2, 2, "5"), (5, 1, 2, "83")), "partition 5 lies outside"),
        (mbr_of((1, 1, 2, "5"), (2, 3, 2, "f"), (5, 3, 1, "83")), "partition 5 lies outside"),
        (mbr_of((1, 1, 2, "83"), (5, 3, 2, "83")), "partition 5 lies outside"),
        (mbr_of((1, 1, 3, "5"), (5, 1, 2, "f")), "partition 5 is an extended one"),
        (mbr_of((1, 5, 2, "83")), "ends at byte"),
        (mbr_of((1, 1, 0, "83")), "no whole sectors"),
        (gpt_of((1, MIB + 100, MIB)), "no whole sectors"),
        (gpt_of((1, MIB, MIB + 100)), "no whole sectors"),
        (gpt_of((1, MIB, -512)), "no whole sectors"),
    ],
)
def test_tables_that_contradict_themselves(label: Label, why: str) -> None:
    """Found on a disk or in a manifest: it is not known what writing to such a disk would destroy."""
    with pytest.raises(LabelError, match=why):
        label.check(6 * MIB, 512)


def test_sectors_are_the_disk_s_own() -> None:
    """What is whole on one disk is not on another."""
    label = gpt_of((1, 512, 4096))
    label.check(MIB, 512)
    with pytest.raises(LabelError, match="no whole sectors"):
        label.check(MIB, 4096)


def test_logical_numbers_start_at_five() -> None:
    """As everywhere since 1991."""
    assert FIRST_LOGICAL == 5
