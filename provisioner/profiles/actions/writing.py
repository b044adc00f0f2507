"""What the actions that write images have in common."""

from __future__ import annotations

from initramfs.messages import PartitionImage, Personalisation
from provisioner.profiles.actions.action import Images, Target
from provisioner.profiles.model import Profile

TAKES = frozenset({"images", "personalise", "fit", "identity"})

PHONE_HOME_WANTED = "at contact"
"""Stands in ``phone_home_url`` of a queued job until the agent's contact says which address it reaches."""


def partition_images(profile: Profile, images: Images) -> tuple[PartitionImage, ...]:
    """The pinned images of partitions, in the partitions' order."""
    return tuple(
        PartitionImage(number, images[f"images.partitions.{number}"])
        for number in sorted(profile.images.partitions)
    )


def personalisation(profile: Profile, target: Target) -> Personalisation | None:
    """What makes the clone this host's own, if the profile asks for it."""
    wanted = profile.personalise
    if wanted is None:
        return None
    return Personalisation(
        root=wanted.root,
        hostname=wanted.hostname or target.name,
        domain=target.domain if wanted.domain is None else wanted.domain,
        phone_home_url=PHONE_HOME_WANTED if wanted.phone_home else "",
    )
