"""Duplicates are found before the first write, and what is done about them is decided by the job."""

from __future__ import annotations

import pytest

from initramfs.agent.errors import PlanError
from initramfs.agent.steps.duplicates import settle
from initramfs.imaging.format.header import Filesystem
from initramfs.imaging.label.model import Label, LabelType, Partition, PartitionNumber
from initramfs.imaging.restore.identifiers import (
    Identifier,
    duplicates,
    fresh,
    identifiers,
    new_uuid,
    renamed,
)
from initramfs.imaging.restore.layout import Layout
from initramfs.messages import DiskIdentity, Duplicates, Uuids

MIB = 1 << 20
UUID = "c10e5500-0000-4000-8000-00000000000{}"
LABEL = Label(
    LabelType.MBR, "c105e515",
    (Partition(1, MIB, MIB, "83", "c105e515-01"), Partition(2, 2 * MIB, MIB, "82", "c105e515-02")),
)  # fmt: skip
FILESYSTEMS: dict[PartitionNumber, Filesystem] = {
    1: Filesystem(1, "ext4", UUID.format(1), "", MIB, MIB, MIB),
    2: Filesystem(2, "swap", UUID.format(2), "", MIB, 4096, MIB),
}
LVM: dict[PartitionNumber, Filesystem] = {3: Filesystem(3, "LVM2_member", "uHx2Xy-lvm", "", MIB, MIB, MIB)}
LAYOUT = Layout(8 * MIB, 512, LABEL, (), (), whole=True, relocate=False)
CLEAN = {"sdb": [Identifier("disk", "00000001"), Identifier("file system", UUID.format(9), 1)]}
TWIN = {"sdb": list(identifiers(LABEL, FILESYSTEMS))}
REFUSE = DiskIdentity()


def counting(length: int) -> bytes:
    """Randomness that can be looked at."""
    return bytes(range(1, length + 1))


def test_a_twin_is_refused_and_named() -> None:
    """With the disk, the identifier, and what to do."""
    with pytest.raises(PlanError, match="sdb has the disk identifier c105e515") as refused:
        settle(REFUSE, LAYOUT, FILESYSTEMS, TWIN, counting)
    assert "and 2 more" in refused.value.message
    assert "randomise" in refused.value.hint


def test_other_disks_are_no_reason() -> None:
    """Nothing in common, nothing changed."""
    assert settle(REFUSE, LAYOUT, FILESYSTEMS, CLEAN, counting) is None
    assert settle(REFUSE, LAYOUT, FILESYSTEMS, {}, counting) is None
    randomise = DiskIdentity(duplicates=Duplicates.RANDOMISE)
    assert settle(randomise, LAYOUT, FILESYSTEMS, CLEAN, counting) is None


def test_a_twin_may_be_ignored_or_avoided() -> None:
    """As the profile says."""
    assert settle(DiskIdentity(duplicates=Duplicates.IGNORE), LAYOUT, FILESYSTEMS, TWIN, counting) is None
    for wanted in (DiskIdentity(duplicates=Duplicates.RANDOMISE), DiskIdentity(Uuids.NEW)):
        renames = settle(wanted, LAYOUT, FILESYSTEMS, TWIN, counting)
        assert renames is not None
        assert renames.edits.id == "01020304"
        assert renames.words == {
            "c105e515-01": "01020304-01",
            "c105e515-02": "01020304-02",
            UUID.format(1): "01020304-0506-4708-890a-0b0c0d0e0f10",
            UUID.format(2): "01020304-0506-4708-890a-0b0c0d0e0f10",
        }
        new = renamed(LAYOUT, renames).label
        assert new is not None
        assert not duplicates(identifiers(new, {}), TWIN)


def test_what_cannot_be_renamed_is_refused_when_it_is_double() -> None:
    """A volume group by the same name twice is a disaster, whatever else was randomised."""
    twin = {"sdb": [Identifier("file system", "uhx2xy-lvm", 1)]}
    with pytest.raises(PlanError, match="cannot be changed"):
        settle(DiskIdentity(Uuids.NEW), LAYOUT, FILESYSTEMS | LVM, twin, counting)
    renames = settle(DiskIdentity(Uuids.NEW), LAYOUT, FILESYSTEMS | LVM, CLEAN, counting)
    assert renames is not None
    assert set(renames.kept) == {3}


def test_a_partition_that_is_restored_alone_keeps_its_disk() -> None:
    """Only its file system counts: the label is not written."""
    alone = Layout(8 * MIB, 512, LABEL, (), (), whole=False, relocate=False)
    swap: dict[PartitionNumber, Filesystem] = {2: FILESYSTEMS[2]}
    assert settle(REFUSE, alone, swap, {"sdb": [Identifier("disk", "c105e515")]}, counting) is None
    renames = settle(DiskIdentity(Uuids.NEW), alone, swap, {}, counting)
    assert renames is not None
    assert not renames.edits
    assert renamed(alone, renames) == alone
    with pytest.raises(PlanError, match="of partition 2"):
        settle(REFUSE, alone, swap, TWIN, counting)


def test_a_disk_without_a_signature_has_no_twin() -> None:
    """Blank ones all have zeros there."""
    blank = Label(LabelType.MBR, "00000000", (Partition(1, MIB, MIB, "83", "00000000-01"),))
    assert list(identifiers(blank, {})) == []


def test_identifiers_look_like_those_of_their_kind() -> None:
    """As blkid prints them."""
    assert new_uuid("vfat", counting) == "0102-0304"
    assert new_uuid("ntfs", counting) == "0102030405060708"
    gpt = Label(LabelType.GPT, UUID.format(0), (Partition(1, MIB, MIB, "t", UUID.format(1)),))
    renames = fresh(gpt, {}, counting)
    assert (renames.edits.id, renames.edits.uuids) == (
        new_uuid("ext4", counting),
        {1: new_uuid("ext4", counting)},
    )
    assert renamed(Layout(8 * MIB, 512, gpt, (), (), whole=True, relocate=False), renames).relocate
