"""``host add``: a machine becomes a host. It starts from its own disk until it is told otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.commands.appliance import Appliance
from provisioner.hosts import registry
from provisioner.hosts.names import parse_mac, parse_name, parse_uuid
from provisioner.security.actors import Actor, Right
from provisioner.timeline import audit


@dataclass(frozen=True, slots=True)
class AddHost:
    """A host as a person names it: MACs in any usual notation, names in any case."""

    name: str
    macs: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    uuid: str = ""


def add_host(appliance: Appliance, actor: Actor, wish: AddHost, verb: str = "host add") -> str:
    """Add a host; its name. Raises ForbiddenError, InvalidError, and ConflictError if one is taken."""
    actor.require(Right.HOSTS)
    name, macs = parse_name(wish.name), [parse_mac(mac) for mac in wish.macs]
    aliases = [parse_name(alias) for alias in wish.aliases]
    uuid = parse_uuid(wish.uuid) if wish.uuid else ""
    now = appliance.now()
    with appliance.database.write() as session:
        registry.add_host(session, name, macs, aliases=aliases, uuid=uuid, now=now)
        audit.note(session, actor.name, verb, f"{name} {' '.join(macs)}", now)
    return name
