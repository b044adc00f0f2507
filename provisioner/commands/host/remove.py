"""``host rm``: hosts are forgotten with their jobs and logs. Their machines are only observed afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from provisioner.base.checking import check_all
from provisioner.commands.agreement import Agree, ask_for, hold_to, refuse
from provisioner.commands.appliance import Appliance
from provisioner.hosts.registry import find_host, remove_host
from provisioner.jobs.unfinished import Unfinished, unfinished_of
from provisioner.security import tokens
from provisioner.security.actors import Actor, Right
from provisioner.timeline import audit


@dataclass(frozen=True, slots=True)
class RemoveHosts:
    """Hosts by their names or aliases, in any case."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemovedHost:
    """A host that is gone, and the job that was ended with it."""

    name: str
    unfinished: Unfinished | None = None


def remove_hosts(
    appliance: Appliance, actor: Actor, wish: RemoveHosts, *, agree: Agree = refuse
) -> tuple[RemovedHost, ...]:
    """Remove all of them or none. ``agree`` is asked about the jobs that their machines have begun.

    An agent that is at work learns with its next report who removed its host, and stops. Raises
    ForbiddenError, NotFoundError, ConflictError, and InvalidError with all problems at once.
    """
    actor.require(Right.HOSTS)
    with appliance.database.read() as session:
        hosts = _find_all(session, wish.names)
        begun = [unfinished_of(session, host) for host, _ in hosts]
    agreed = ask_for(begun, agree)
    with appliance.database.write() as session:
        names = [name for _, name in _find_all(session, wish.names)]
        gone = check_all(names, lambda name: _remove(session, appliance, actor, name, agreed), "hosts")
        return tuple(gone)


def _find_all(session: Session, names: tuple[str, ...]) -> list[tuple[int, str]]:
    found = check_all(names, lambda name: find_host(session, name.lower()), "hosts")
    return list({row.id: (row.id, row.name) for row in found}.values())  # a name and its alias are one host


def _remove(
    session: Session, appliance: Appliance, actor: Actor, name: str, agreed: frozenset[int]
) -> RemovedHost:
    host, now = find_host(session, name), appliance.now()
    job = unfinished_of(session, host.id)
    hold_to(agreed, job)
    said = f"{name}, while {job}" if job else name
    tokens.revoke(session, host.id, f"host {name} was removed by {actor.name}{_left(job)}")
    remove_host(session, host)
    audit.note(session, actor.name, "host rm", said, now)
    return RemovedHost(name, job)


def _left(job: Unfinished | None) -> str:
    return f"; {job.disk}" if job else ""
