"""What the actions that write images share: one disk, the same checks, the same order of steps. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from initramfs.agent.disks import choose_disk
from initramfs.agent.pipeline import Step
from initramfs.agent.steps.adapt import adapt
from initramfs.agent.steps.images import CheckImages, check_wish
from initramfs.agent.steps.restore import Commit, phases
from initramfs.messages import Disk, Install, Inventory, RestorePartitions, images_by_place


def write_images(work: Install | RestorePartitions, seen: Inventory) -> tuple[Disk, tuple[Step, ...]]:
    """The one disk, and the steps: all is checked before the first write, the last commits.

    Raises PlanError.
    """
    check_wish(work)
    disk = choose_disk(work.disk, seen.disks)
    return disk, tuple(_steps(work, disk, seen))


def _steps(work: Install | RestorePartitions, disk: Disk, seen: Inventory) -> Iterator[Step]:
    yield CheckImages(work, disk, seen.firmware, tuple(other for other in seen.disks if other != disk))
    yield from phases(disk.name)
    yield from adapt(work, disk.name, seen.nics)
    yield Commit(disk, images_by_place(work))
