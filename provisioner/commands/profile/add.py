"""``profile add``: a boot profile is checked and kept in the appliance."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.base.errors import InvalidError, Problem
from provisioner.commands.appliance import Appliance
from provisioner.commands.profile.images import look_up
from provisioner.commands.record import be_ready_to_record, record_change
from provisioner.profiles import files
from provisioner.profiles.model import Profile
from provisioner.profiles.reading import read_profile
from provisioner.security.actors import Actor, Right


@dataclass(frozen=True, slots=True)
class AddProfile:
    """A profile's name and its TOML text; ``replace`` allows the name to be taken."""

    name: str
    text: str
    replace: bool = False


def add_profile(appliance: Appliance, actor: Actor, wish: AddProfile) -> tuple[Problem, ...]:
    """Keep the profile; what in it is often not meant, and which of its images are not there yet.

    Raises ForbiddenError, InvalidError, also for what contradicts the images that it names, and ConflictError
    if the name is taken.
    """
    actor.require(Right.PROFILES)
    be_ready_to_record(appliance)
    remarks = check_profile(appliance, wish.name, read_profile(wish.text, wish.name))
    profile = files.add_profile(appliance.root, wish.name, wish.text, replace=wish.replace)
    how = "profile replace" if wish.replace else "profile add"
    record_change(appliance, actor, how, f"{wish.name} ({profile.action})")
    return remarks


def check_profile(appliance: Appliance, name: str, profile: Profile) -> tuple[Problem, ...]:
    """See whether a profile and its images go together; what is often not meant. Raises InvalidError."""
    images = look_up(appliance, profile)
    if problems := tuple(images.contradictions()):
        count = f"{len(problems)} problem{'s' * (len(problems) != 1)}"
        raise InvalidError(
            f"profile {name!r} and its images have {count}", problems, "mend the file, or name other images"
        )
    return images.remarks()
