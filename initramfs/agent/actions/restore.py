"""Restore: write some partitions of a disk. The others stay, and so does the firmware's boot order."""

from __future__ import annotations

from collections.abc import Iterator

from initramfs.agent.disks import choose_disk
from initramfs.agent.errors import PlanError
from initramfs.agent.pipeline import Plan, Step
from initramfs.agent.steps.adapt import adapt
from initramfs.agent.steps.images import CheckImages, check_wish
from initramfs.agent.steps.restore import Commit, phases
from initramfs.messages import Disk, Inventory, Job, RestorePartitions, images_by_place


def plan(work: RestorePartitions, _job: Job, seen: Inventory) -> Plan:
    """Exactly one disk, at least one image, one for each partition. Raises PlanError."""
    if not work.partition_images:
        raise PlanError("restore needs partition images and the job names none", "set images.partitions")
    check_wish(work)
    disk = choose_disk(work.disk, seen.disks)
    return Plan(disk, tuple(_steps(work, disk, seen)))


def _steps(work: RestorePartitions, disk: Disk, seen: Inventory) -> Iterator[Step]:
    yield CheckImages(work, disk, seen.firmware, tuple(other for other in seen.disks if other != disk))
    yield from phases(disk.name)
    yield from adapt(work, disk.name)
    yield Commit(disk, images_by_place(work))
