"""Jobs that several tests give to hosts."""

from __future__ import annotations

from initramfs.messages import Action, Job

INVENTORY_JOB = Job(0, Action.INVENTORY, "inventory")
