"""Jobs that several tests give to hosts."""

from __future__ import annotations

from initramfs.messages import Job, TakeInventory

INVENTORY_JOB = Job(0, "inventory", TakeInventory())
