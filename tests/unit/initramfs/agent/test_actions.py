"""Planning: what will be done is known, and refused if it cannot be, before anything is touched."""

from dataclasses import replace

import pytest

from initramfs.agent.actions import plan
from initramfs.agent.boot.ending import ExitStatus
from initramfs.agent.errors import PlanError
from initramfs.agent.main import ENDINGS
from initramfs.agent.pipeline import Plan
from initramfs.agent.steps.images import CheckImages
from initramfs.messages import (
    After,
    Backup,
    Disk,
    DiskIdentity,
    DiskRule,
    Duplicates,
    Firmware,
    Fit,
    ImageRef,
    Install,
    Inventory,
    Job,
    Last,
    PartitionImage,
    PartitionName,
    Personalisation,
    Rescue,
    RestorePartitions,
    System,
    TakeInventory,
    Uuids,
    Work,
)

VDA = Disk("vda", 2 << 30, 512, 512, serial="GOLD", transport="virtio")
SEEN = Inventory(System(), Firmware.BIOS, "cpu", 2, 1 << 30, (VDA,), ())
IMAGE = ImageRef("sda_InitClone", 1, bytes(32))
INSTALL = Install(
    disk_image=IMAGE,
    partition_images=(PartitionImage(5, IMAGE),),
    personalisation=Personalisation(root=5, hostname="rifpc1"),
)
RESTORE = RestorePartitions(INSTALL.partition_images, personalisation=INSTALL.personalisation)
BACKUP = Backup(disk_image="sda_Golden", partitions=(PartitionName(5, "sda5_Debian"),))


def planned(work: Work, seen: Inventory = SEEN, after: After = After.REBOOT) -> Plan:
    """The plan of a job with this work."""
    return plan(Job(1, "classroom", work, after), seen)


def names(work: Work, seen: Inventory = SEEN) -> list[str]:
    """The steps by their short names."""
    return [step.name for step in planned(work, seen).steps]


def test_everything_is_checked_before_and_committed_after_writing() -> None:
    """The order is the promise: check, look, open, write, prove, personalise, commit."""
    assert names(INSTALL) == ["check", "scan", "prepare", "write", "verify", "personalise", "prove", "commit"]


def test_a_uefi_machine_gets_a_boot_entry_last() -> None:
    """Once the disk is whole."""
    assert names(INSTALL, replace(SEEN, firmware=Firmware.UEFI))[-1] == "boot-entry"


def test_a_restored_partition_leaves_the_boot_order_alone() -> None:
    """Only a whole disk brings a boot loader."""
    steps = names(RESTORE, replace(SEEN, firmware=Firmware.UEFI))
    assert steps == ["check", "scan", "prepare", "write", "verify", "personalise", "prove", "commit"]


def test_a_backup_looks_at_everything_before_it_sends_anything() -> None:
    """The whole disk first, then partitions, each an image of its own."""
    assert names(BACKUP) == ["check", "capture", "capture-5"]


def test_fitting_and_new_identifiers_come_before_the_commit() -> None:
    """File systems are whole then, and the disk cannot start: grown first, renamed, then personalised."""
    changed = replace(INSTALL, fit=Fit(Last.LAST), identity=DiskIdentity(Uuids.NEW))
    assert names(changed)[-6:] == ["verify", "grow", "identifiers", "personalise", "prove", "commit"]
    randomised = replace(INSTALL, identity=DiskIdentity(duplicates=Duplicates.RANDOMISE))
    assert "identifiers" in names(randomised)


def test_the_other_disks_are_looked_at_for_duplicates() -> None:
    """All but the one that is written."""
    other = replace(VDA, name="vdb", serial="OTHER")
    work = replace(INSTALL, disk=DiskRule(serial="GOLD"))
    check = planned(work, replace(SEEN, disks=(VDA, other))).steps[0]
    assert isinstance(check, CheckImages)
    assert check.others == (other,)


def test_inventory_touches_no_disk() -> None:
    """The contact has already told everything."""
    assert planned(TakeInventory()) == Plan(None, ())


def test_a_rescue_touches_no_disk_and_ends_in_a_shell() -> None:
    """After a reboot or with the power off there would be none."""
    assert planned(Rescue(), after=After.SHELL) == Plan(None, ())
    assert ENDINGS[After.SHELL] is ExitStatus.SHELL
    for after in (After.REBOOT, After.POWEROFF):
        with pytest.raises(PlanError, match=f"the job says {after}"):
            planned(Rescue(), after=after)


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (RestorePartitions(()), "needs partition images"),
        (Backup(), "needs names"),
        (replace(INSTALL, partition_images=INSTALL.partition_images * 2), "names a partition twice"),
        (replace(RESTORE, partition_images=RESTORE.partition_images * 2), "names a partition twice"),
        (replace(BACKUP, partitions=BACKUP.partitions * 2), "names a partition twice"),
        (replace(INSTALL, personalisation=Personalisation(root=5, hostname="a b")), "cannot be a host name"),
        (replace(INSTALL, disk=DiskRule(serial="other")), "no disk matches"),
        (replace(BACKUP, disk=DiskRule(serial="other")), "no disk matches"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_reason(work: Work, reason: str) -> None:
    """Before the first step, so before the first write."""
    with pytest.raises(PlanError, match=reason):
        planned(work)


def test_the_plan_can_be_read() -> None:
    """As --dry-run prints it: the disk first."""
    lines = list(planned(INSTALL).lines())
    assert lines[0] == "disk: vda (2.0 GiB virtio serial GOLD)"
    assert len(lines) == 1 + len(names(INSTALL))
