"""``host adopt``: machines that were seen on the network become hosts."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from provisioner.base.checking import check_all
from provisioner.base.errors import InvalidError, NotFoundError
from provisioner.commands.appliance import Appliance
from provisioner.hosts import registry
from provisioner.hosts.names import parse_mac, parse_name
from provisioner.security.actors import Actor, Right
from provisioner.timeline import audit


@dataclass(frozen=True, slots=True)
class AdoptHost:
    """The MAC that was seen, and how the host is called from now on."""

    mac: str
    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdoptHosts:
    """Several at once, each MAC and each name once."""

    hosts: tuple[AdoptHost, ...]


def adopt_hosts(appliance: Appliance, actor: Actor, wish: AdoptHosts) -> tuple[str, ...]:
    """Add all of these machines as hosts, or none; their names.

    Raises ForbiddenError, NotFoundError for a MAC that was never seen, ConflictError if a name is taken, and
    InvalidError with all problems at once.
    """
    actor.require(Right.HOSTS)
    wanted = {f"{host.mac} {host.name}": host for host in wish.hosts}
    if len(wanted) < len(wish.hosts):
        raise InvalidError("the same machine is named twice", (), "name each once")
    with appliance.database.write() as session:

        def adopt(key: str) -> str:
            return _adopt(session, actor, wanted[key], appliance.now())

        return tuple(check_all(wanted, adopt, "machines"))


def _adopt(session: Session, actor: Actor, wish: AdoptHost, now: float) -> str:
    name, mac = parse_name(wish.name), parse_mac(wish.mac)
    aliases = [parse_name(alias) for alias in wish.aliases]
    seen = registry.find_observed(session, mac)
    if seen is None and registry.find_by_mac(session, mac) is None:  # of a host: the next line says whose
        raise NotFoundError(
            f"no machine with the MAC {mac} was ever seen on the network",
            f"see 'clonesys host list'; 'clonesys host add {name} --mac {mac}' adds one unseen",
        )
    known = (seen.uuid, seen.serial) if seen is not None else ("", "")
    host = registry.add_host(session, name, [mac], aliases=aliases, uuid=known[0], now=now)
    host.serial = known[1]
    session.flush()
    audit.note(session, actor.name, "host adopt", f"{name} {mac}", now)
    return name
