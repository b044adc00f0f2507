"""``host rm``: a host is forgotten with its jobs and their logs. Its machine is only observed afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.commands.appliance import Appliance
from provisioner.hosts.registry import find_host
from provisioner.security.actors import Actor, Right
from provisioner.timeline import audit


@dataclass(frozen=True, slots=True)
class RemoveHost:
    """A host by its name or an alias, in any case."""

    name: str


def remove_host(appliance: Appliance, actor: Actor, wish: RemoveHost) -> str:
    """Remove the host; its name. Raises ForbiddenError, NotFoundError."""
    actor.require(Right.HOSTS)
    with appliance.database.write() as session:
        host = find_host(session, wish.name.lower())
        session.delete(host)
        audit.note(session, actor.name, "host rm", host.name, appliance.now())
        return host.name
