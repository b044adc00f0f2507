"""Install: write a whole disk and the partition images over it, and let the firmware start it."""

from __future__ import annotations

from collections.abc import Iterator

from initramfs.agent.disks import choose_disk
from initramfs.agent.pipeline import Plan, Step
from initramfs.agent.steps.adapt import adapt
from initramfs.agent.steps.boot_entry import SetBootEntry
from initramfs.agent.steps.images import CheckImages, check_wish
from initramfs.agent.steps.restore import Commit, phases
from initramfs.messages import Disk, Firmware, Install, Inventory, Job, images_by_place


def plan(work: Install, _job: Job, seen: Inventory) -> Plan:
    """Exactly one disk, known images, one image for each partition. Raises PlanError."""
    check_wish(work)
    disk = choose_disk(work.disk, seen.disks)
    return Plan(disk, tuple(_steps(work, disk, seen)))


def _steps(work: Install, disk: Disk, seen: Inventory) -> Iterator[Step]:
    yield CheckImages(work, disk, seen.firmware, tuple(other for other in seen.disks if other != disk))
    yield from phases(disk.name)
    yield from adapt(work, disk.name)
    yield Commit(disk, images_by_place(work))
    if seen.firmware is Firmware.UEFI:
        yield SetBootEntry(disk.name)
