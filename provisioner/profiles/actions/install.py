"""``initinstall``: a whole disk, and partition images over it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from initramfs.messages import Action, Install
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
    """Partition images alone cannot make a disk start."""
    if not table(data, "images").get("disk"):
        yield Problem("images.disk", "initinstall needs a whole-disk image", "see 'clonesys image list'")


def work(profile: Profile, host: HostFacts, images: Images) -> Install:
    """With the images as they are now."""
    return Install(
        disk_image=images["images.disk"],
        disk=profile.disk.rule(),
        partition_images=partition_images(profile, images),
        personalisation=personalisation(profile, host),
        fit=profile.fit.order(),
        identity=profile.identity.order(),
        loader=profile.boot.loader,
    )


ACTION = ProfileAction(Action.INITINSTALL.value, work, WRITING | {"boot"}, rules, writes=True, pins=True)
