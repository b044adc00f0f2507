"""``profile rm``: a boot profile's file is removed. Jobs made from it keep what they were given."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.commands.appliance import Appliance
from provisioner.commands.record import be_ready_to_record, record_change
from provisioner.profiles import files
from provisioner.security.actors import Actor, Right


@dataclass(frozen=True, slots=True)
class RemoveProfile:
    """A profile by its name."""

    name: str


def remove_profile(appliance: Appliance, actor: Actor, wish: RemoveProfile) -> None:
    """Remove the profile. Raises ForbiddenError, NotFoundError, and ConflictError for a built-in one."""
    actor.require(Right.PROFILES)
    be_ready_to_record(appliance)
    files.remove_profile(appliance.root, wish.name)
    record_change(appliance, actor, "profile rm", wish.name)
