"""Restore: write some partitions of a disk. The others stay, and so does the firmware's boot order."""

from __future__ import annotations

from initramfs.agent.actions.writing import write_images
from initramfs.agent.errors import PlanError
from initramfs.agent.pipeline import Plan
from initramfs.messages import Inventory, Job, RestorePartitions


def plan(work: RestorePartitions, _job: Job, seen: Inventory) -> Plan:
    """Exactly one disk, at least one image, one for each partition. Raises PlanError."""
    if not work.partition_images:
        raise PlanError("restore needs partition images and the job names none", "set images.partitions")
    return Plan(*write_images(work, seen))
