"""Install: write a whole disk and the partition images over it, and let the firmware start it."""

from __future__ import annotations

from initramfs.agent.actions.writing import write_images
from initramfs.agent.pipeline import Plan
from initramfs.agent.steps.boot_entry import SetBootEntry
from initramfs.messages import Firmware, Install, Inventory, Job


def plan(work: Install, _job: Job, seen: Inventory) -> Plan:
    """Exactly one disk, known images, one image for each partition. Raises PlanError."""
    disk, steps = write_images(work, seen)
    if seen.firmware is Firmware.UEFI:
        steps += (SetBootEntry(disk.name, work.loader),)
    return Plan(disk, steps)
