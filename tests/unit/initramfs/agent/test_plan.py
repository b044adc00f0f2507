"""Planning: what will be done is known, and refused if it cannot be, before anything is touched."""

from dataclasses import replace

import pytest

from initramfs.agent.errors import PlanError
from initramfs.agent.plan import plan
from initramfs.agent.steps.images import CheckImages
from initramfs.messages import (
    Action,
    Disk,
    DiskIdentity,
    DiskRule,
    Duplicates,
    Firmware,
    Fit,
    ImageRef,
    Inventory,
    Job,
    Last,
    PartitionImage,
    Personalisation,
    System,
    Uuids,
)

VDA = Disk("vda", 2 << 30, 512, 512, serial="GOLD", transport="virtio")
SEEN = Inventory(System(), Firmware.BIOS, "cpu", 2, 1 << 30, (VDA,), ())
IMAGE = ImageRef("sda_InitClone", 1, bytes(32))
JOB = Job(
    1,
    Action.INITINSTALL,
    "classroom",
    disk_image=IMAGE,
    partition_images=(PartitionImage(5, IMAGE),),
    personalisation=Personalisation(root=5, hostname="rifpc1"),
)


def names(job: Job, seen: Inventory = SEEN) -> list[str]:
    """The steps by their short names."""
    return [step.name for step in plan(job, seen).steps]


def test_everything_is_checked_before_and_sealed_after_writing() -> None:
    """The order is the promise: check, scan, wipe, write, prove, personalise, commit."""
    assert names(JOB) == ["check", "scan", "prepare", "write", "verify", "personalise", "commit"]


def test_a_uefi_machine_gets_a_boot_entry_last() -> None:
    """Once the disk is whole."""
    assert names(JOB, replace(SEEN, firmware=Firmware.UEFI))[-1] == "boot-entry"


def test_a_restored_partition_leaves_the_boot_order_alone() -> None:
    """Only a whole disk brings a boot loader."""
    job = replace(JOB, action=Action.RESTORE, disk_image=None)
    assert "boot-entry" not in names(job, replace(SEEN, firmware=Firmware.UEFI))


def test_a_backup_looks_at_everything_before_it_sends_anything() -> None:
    """The whole disk first, then partitions, each an image of its own."""
    assert names(replace(JOB, action=Action.BACKUP)) == ["check", "capture", "capture-5"]


def test_fitting_and_new_identifiers_come_before_the_seal() -> None:
    """File systems are whole then, and the disk cannot start: grown first, renamed, then personalised."""
    job = replace(JOB, fit=Fit(Last.LAST), identity=DiskIdentity(Uuids.NEW))
    assert names(job)[-5:] == ["verify", "grow", "identifiers", "personalise", "commit"]
    randomised = replace(JOB, identity=DiskIdentity(duplicates=Duplicates.RANDOMISE))
    assert "identifiers" in names(randomised)


def test_the_other_disks_are_looked_at_for_duplicates() -> None:
    """All but the one that is written."""
    other = replace(VDA, name="vdb", serial="OTHER")
    job = replace(JOB, disk=DiskRule(serial="GOLD"))
    check = plan(job, replace(SEEN, disks=(VDA, other))).steps[0]
    assert isinstance(check, CheckImages)
    assert check.others == (other,)


def test_inventory_touches_no_disk() -> None:
    """The contact has already told everything."""
    planned = plan(Job(1, Action.INVENTORY, "inventory"), SEEN)
    assert (planned.disk, planned.steps) == (None, ())


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (replace(JOB, action=Action.WIPE), "cannot do wipe yet"),
        (replace(JOB, disk_image=None), "needs a disk image"),
        (replace(JOB, action=Action.RESTORE, partition_images=()), "needs partition images"),
        (replace(JOB, action=Action.BACKUP, disk_image=None, partition_images=()), "needs names"),
        (replace(JOB, partition_images=JOB.partition_images * 2), "names a partition twice"),
        (replace(JOB, personalisation=Personalisation(root=5, hostname="a b")), "cannot be a host name"),
        (replace(JOB, disk=DiskRule(serial="other")), "no disk matches"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_reason(job: Job, reason: str) -> None:
    """Before the first step, so before the first write."""
    with pytest.raises(PlanError, match=reason):
        plan(job, SEEN)


def test_the_plan_can_be_read() -> None:
    """As --dry-run prints it: the disk first."""
    lines = list(plan(JOB, SEEN).lines())
    assert lines[0] == "disk: vda (2.0 GiB virtio serial GOLD)"
    assert len(lines) == 1 + len(names(JOB))
