"""Who asks for something, and what they may ask for. Pure; a leaf above the errors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from provisioner.base.errors import ForbiddenError


class Right(StrEnum):
    """What a command changes or writes, in the words of its refusal."""

    HOSTS = "change hosts"
    PROFILES = "change profiles"
    JOBS = "change jobs"
    IMAGES = "change images"
    APPLIANCE = "change the appliance"
    DISKS = "write disks and files of the appliance's machine"


class Role(StrEnum):
    """What an actor is here for."""

    ADMINISTRATOR = "administrator"
    OBSERVER = "observer"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.ADMINISTRATOR: frozenset(Right),
    Role.OBSERVER: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or a part of the appliance; ``name`` is what the audit log says."""

    name: str
    role: Role

    def require(self, right: Right) -> None:
        """Raises ForbiddenError unless this actor has the right."""
        if right not in RIGHTS[self.role]:
            raise ForbiddenError(
                f"{self.name} is {self.role} and may not {right}", "ask an administrator of this appliance"
            )
