"""Rescue: the job ends at once, and the consoles offer a shell, as after every job that asks for one."""

from __future__ import annotations

from initramfs.agent.errors import PlanError
from initramfs.agent.pipeline import Plan
from initramfs.messages import After, Inventory, Job, Rescue


def plan(_work: Rescue, job: Job, _seen: Inventory) -> Plan:
    """Touches no disk. Raises PlanError for a job that would leave no shell."""
    if job.after is not After.SHELL:
        raise PlanError(
            f"a rescue ends in a shell, and the job says {job.after!s}", "give the host its profile again"
        )
    return Plan()
