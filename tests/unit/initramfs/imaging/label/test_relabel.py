"""Changing labels: sfdisk is the judge of what comes out."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from initramfs.imaging.label import read_label
from initramfs.imaging.label.gpt import move
from initramfs.imaging.label.model import Edits, Label, edited
from initramfs.imaging.label.relabel import relabel
from tests.images.disk import Slot, partition
from tests.images.in_memory import MIB
from tests.lab.command import run

CLONESYS = (
    Slot(1, 4, "c", "bootable"), Slot(2, 4, "83"), Slot(4, 20, "5"), Slot(5, 6, "7"), Slot(6, 4, "83"),
)  # fmt: skip
MODERN = (Slot(1, 4, "U", 'name="EFI system"'), Slot(2, 8, "L"))
GUID = "0b1f2f6a-3c8e-4b5e-9d53-0f5d2b7c1a1{}"


def label_of(path: Path) -> Label:
    """The label of a disk in a file."""
    data = path.read_bytes()
    label = read_label(lambda at, length: data[at : at + length], len(data), 512)
    assert label is not None
    return label


def change(path: Path, edits: Edits) -> tuple[Label, str]:
    """Apply edits to a disk; what was promised to be read afterwards, and what sfdisk says of it."""
    label, data = label_of(path), path.read_bytes()
    patches = relabel(lambda at, length: data[at : at + length], label, 512, edits)
    with path.open("r+b") as file:
        for patch in patches:
            file.seek(patch.offset)
            file.write(patch.data)
    return edited(label, edits), run("sfdisk", "--verify", path)


@pytest.fixture
def mbr(tmp_path: Path) -> Path:
    """A disk like the one of 1999, with room at its end."""
    partition(tmp_path / "mbr", 60, "label: dos\nlabel-id: 0x12345678", CLONESYS)
    return tmp_path / "mbr"


@pytest.fixture
def gpt(tmp_path: Path) -> Path:
    """A disk of today, likewise."""
    partition(tmp_path / "gpt", 60, "label: gpt", MODERN)
    return tmp_path / "gpt"


@pytest.mark.parametrize(
    "edits",
    [
        Edits({4: 51 * MIB, 6: 30 * MIB}),
        Edits({2: 3 * MIB}),
        Edits({6: 1 * MIB}, id="9abcdef0"),
        Edits(id="00000001"),
    ],
)
def test_an_mbr_says_what_was_wanted(mbr: Path, edits: Edits) -> None:
    """Containers, logical ones, the disk's signature: read back by us and by sfdisk, without complaints."""
    wanted, said = change(mbr, edits)
    assert label_of(mbr) == wanted
    assert "No errors detected" in said
    table = json.loads(run("sfdisk", "--json", mbr))["partitiontable"]
    assert [p["size"] * 512 for p in table["partitions"]] == [p.size for p in wanted.partitions]
    assert table["id"] == f"0x{wanted.id}"


def test_a_gpt_says_what_was_wanted(gpt: Path) -> None:
    """Sizes, the disk's GUID and the partitions': in both copies, with right checksums."""
    edits = Edits({2: 40 * MIB}, GUID.format(0), {1: GUID.format(1), 2: GUID.format(2)})
    before = json.loads(run("sfdisk", "--json", gpt))["partitiontable"]["partitions"]
    wanted, said = change(gpt, edits)
    assert label_of(gpt) == wanted
    assert "No errors detected" in said
    assert "mismatch" not in said
    with gpt.open("r+b") as file:
        file.seek(512)
        file.write(bytes(33 * 512))  # firmware falls back to the copy at the end
    after = json.loads(run("sfdisk", "--json", gpt))["partitiontable"]
    assert after["id"].lower() == GUID.format(0)
    assert [p["uuid"].lower() for p in after["partitions"]] == [GUID.format(1), GUID.format(2)]
    assert after["partitions"][1]["size"] * 512 == 40 * MIB
    assert [(p["start"], p["type"], p.get("name")) for p in after["partitions"]] == [
        (p["start"], p["type"], p.get("name")) for p in before
    ]


def test_a_hybrid_mbr_says_it_too(gpt: Path) -> None:
    """It names a partition for firmware that knows no GPT; the protective entry ends before that."""
    start = label_of(gpt).areas[1].start // 512
    shapes = ((0xEE, 1, start - 1), (0x83, start, 8 * MIB // 512))
    with gpt.open("r+b") as file:
        file.seek(446)
        file.write(b"".join(struct.pack("<4xB3xII", *shape) for shape in shapes))
    change(gpt, Edits({2: 40 * MIB}))
    moved = move(gpt.read_bytes()[:MIB], 512, 80 * MIB).head
    found = list(struct.iter_unpack("<4xB3xII", moved[446:478]))
    assert found == [(0xEE, 1, start - 1), (0x83, start, 40 * MIB // 512)]


def test_nothing_else_is_touched(mbr: Path) -> None:
    """Boot code, other entries: only the bytes of what changed differ."""
    with mbr.open("r+b") as file:
        file.write(b"\xeb\x63\x90" * 100)
    before = mbr.read_bytes()
    change(mbr, Edits(id="9abcdef0"))
    after = mbr.read_bytes()
    assert {n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b} <= set(range(440, 444))


def test_no_edits_no_patches(mbr: Path) -> None:
    """An empty wish writes nothing."""
    data = mbr.read_bytes()
    assert relabel(lambda at, length: data[at : at + length], label_of(mbr), 512, Edits()) == []
