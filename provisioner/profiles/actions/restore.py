"""``restore``: some partitions of a disk; the others stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from initramfs.messages import Action, RestorePartitions
from provisioner.base.errors import Problem
from provisioner.profiles.actions.action import (
    WRITING,
    HostFacts,
    Images,
    ProfileAction,
    partition_images,
    personalisation,
    table,
)
from provisioner.profiles.model import Profile


def rules(data: dict[str, Any]) -> Iterator[Problem]:
    """At least one partition, and no whole disk."""
    images = table(data, "images")
    if not images.get("partitions"):
        hint = 'like 5 = "sda5_Debian"'
        yield Problem("images.partitions", "restore needs at least one partition image", hint)
    if images.get("disk"):
        hint = "use action = 'initinstall' for whole disks"
        yield Problem("images.disk", "restore writes partitions only", hint)


def work(profile: Profile, host: HostFacts, images: Images) -> RestorePartitions:
    """With the images as they are now."""
    return RestorePartitions(
        partition_images=partition_images(profile, images),
        disk=profile.disk.rule(),
        personalisation=personalisation(profile, host),
        fit=profile.fit.order(),
        identity=profile.identity.order(),
    )


ACTION = ProfileAction(Action.RESTORE.value, work, WRITING, rules, writes=True, pins=True)
