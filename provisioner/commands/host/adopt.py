"""``host adopt``: a machine that was seen on the network becomes a host."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.commands.appliance import Appliance
from provisioner.commands.host.add import AddHost, add_host
from provisioner.security.actors import Actor


@dataclass(frozen=True, slots=True)
class AdoptHost:
    """The MAC that was seen, and how the host is called from now on."""

    mac: str
    name: str
    aliases: tuple[str, ...] = ()


def adopt_host(appliance: Appliance, actor: Actor, wish: AdoptHost) -> str:
    """Add the machine as a host; its name. Raises as :func:`~provisioner.commands.host.add.add_host`."""
    return add_host(appliance, actor, AddHost(wish.name, (wish.mac,), wish.aliases), verb="host adopt")
