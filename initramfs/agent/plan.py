"""From a job and an inventory to the steps that will be run: pure, so that it can be shown before it is done.

Everything that can be known without touching the disk or the network is
decided here, and every reason not to start is raised here as PlanError.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from initramfs.agent.choose import choose_disk, describe
from initramfs.agent.errors import PlanError
from initramfs.agent.pipeline import Step
from initramfs.agent.steps.backup import Capture, CheckSource
from initramfs.agent.steps.boot_entry import SetBootEntry
from initramfs.agent.steps.fit import Grow
from initramfs.agent.steps.identifiers import Rename
from initramfs.agent.steps.identity import check_name
from initramfs.agent.steps.images import CheckImages
from initramfs.agent.steps.personalise import Personalise
from initramfs.agent.steps.restore import Commit, Prepare, Scan, Verify, Write
from initramfs.messages import Action, Backup, Disk, Duplicates, Firmware, ImageRef, Inventory, Job, Uuids

WITHOUT_DISK = (Action.INVENTORY, Action.RESCUE)
"""Actions whose work is done by the contact itself, or by the shell that follows."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done: to which disk (None: to none), in which steps."""

    disk: Disk | None
    steps: tuple[Step, ...]

    def lines(self) -> Iterator[str]:
        """The plan for people, as ``--dry-run`` prints it."""
        yield f"disk: {describe(self.disk)}" if self.disk else "disk: none is touched"
        for number, step in enumerate(self.steps, 1):
            yield f"{number}. {step.title}"


def plan(job: Job, seen: Inventory) -> Plan:
    """The steps of ``job`` on the machine ``seen``. Raises PlanError with the reason if it cannot be done."""
    if job.action in WITHOUT_DISK:
        return Plan(None, ())
    _check_job(job)
    disk = choose_disk(job.disk, seen.disks)
    if job.action is Action.BACKUP:
        return Plan(disk, tuple(_backup_steps(job, disk)))
    return Plan(disk, tuple(_restore_steps(job, disk, seen)))


def _check_job(job: Job) -> None:
    if job.action not in (Action.INITINSTALL, Action.RESTORE, Action.BACKUP):
        raise PlanError(f"this agent cannot do {job.action!s} yet", "give the host another profile")
    if job.action is Action.INITINSTALL and job.disk_image is None:
        raise PlanError(
            "initinstall needs a disk image and the job names none", "set images.disk in the profile"
        )
    if job.action is Action.RESTORE and not job.partition_images:
        raise PlanError("restore needs partition images and the job names none", "set images.partitions")
    if job.action is Action.BACKUP and not (job.disk_image or job.partition_images):
        raise PlanError("backup needs names for its images and the job has none", "set images in the profile")
    numbers = [part.number for part in job.partition_images]
    if len(set(numbers)) != len(numbers):
        raise PlanError(f"the job names a partition twice: {numbers}", "correct images.partitions")
    if job.personalisation:
        check_name(job.personalisation.hostname)


def _backup_steps(job: Job, disk: Disk) -> Iterator[Step]:
    """Everything is looked at before anything is sent."""
    backup = job.backup or Backup()
    named: list[tuple[int | None, ImageRef]] = [(None, job.disk_image)] if job.disk_image else []
    named += [(part.number, part.image) for part in job.partition_images]
    yield CheckSource(disk, tuple(number for number, _ in named), backup)
    for number, image in named:
        yield Capture(disk, number, image.name, backup)


def _restore_steps(job: Job, disk: Disk, seen: Inventory) -> Iterator[Step]:
    """Personalise comes before the commit, so that no clone starts with another's identity."""
    yield CheckImages(job, disk, seen.firmware, tuple(other for other in seen.disks if other != disk))
    yield Scan(disk.name)
    yield Prepare(disk.name)
    yield Write(disk.name)
    yield Verify(disk.name)
    if job.fit.grow is not None:
        yield Grow(disk.name, job.fit.grow)
    if job.identity.uuids is Uuids.NEW or job.identity.duplicates is Duplicates.RANDOMISE:
        yield Rename(disk.name)
    if job.personalisation:
        yield Personalise(disk.name, job.personalisation)
    yield Commit(disk.name)
    if job.disk_image and seen.firmware is Firmware.UEFI:
        yield SetBootEntry(disk.name)
