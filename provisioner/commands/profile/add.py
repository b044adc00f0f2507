"""``profile add``: a boot profile is checked and kept in the appliance."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.commands.appliance import Appliance
from provisioner.commands.record import be_ready_to_record, record_change
from provisioner.profiles import files
from provisioner.security.actors import Actor, Right


@dataclass(frozen=True, slots=True)
class AddProfile:
    """A profile's name and its TOML text; ``replace`` allows the name to be taken."""

    name: str
    text: str
    replace: bool = False


def add_profile(appliance: Appliance, actor: Actor, wish: AddProfile) -> None:
    """Keep the profile. Raises ForbiddenError, InvalidError, and ConflictError if the name is taken."""
    actor.require(Right.PROFILES)
    be_ready_to_record(appliance)
    profile = files.add_profile(appliance.root, wish.name, wish.text, replace=wish.replace)
    how = "profile replace" if wish.replace else "profile add"
    record_change(appliance, actor, how, f"{wish.name} ({profile.action})")
