"""One file for each action: its checks on the machine, and its steps. Pure.

Each has ``plan(work, job, seen)``: everything that can be known without touching the disk or the network is
decided there, and every reason not to start is raised there as PlanError. So a plan can be shown before it is
done. Here is the table.
"""

from __future__ import annotations

from typing import assert_never

from initramfs.agent.actions import backup, install, inventory, rescue, restore
from initramfs.agent.pipeline import Plan
from initramfs.messages import (
    Backup,
    Install,
    Inventory,
    Job,
    Rescue,
    RestorePartitions,
    TakeInventory,
)


def plan(job: Job, seen: Inventory) -> Plan:
    """The steps of ``job`` on the machine ``seen``. Raises PlanError with the reason if it cannot be done."""
    match job.work:
        case Install() as work:
            return install.plan(work, job, seen)
        case RestorePartitions() as work:
            return restore.plan(work, job, seen)
        case Backup() as work:
            return backup.plan(work, job, seen)
        case TakeInventory() as work:
            return inventory.plan(work, job, seen)
        case Rescue() as work:
            return rescue.plan(work, job, seen)
        case _:
            assert_never(job.work)
