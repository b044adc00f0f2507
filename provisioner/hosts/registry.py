"""Hosts in the database: adding, finding, removing. Each function is one transaction."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from provisioner.base.errors import ConflictError, NotFoundError
from provisioner.database.engine import Database
from provisioner.database.tables import Alias, Host, Job, Mac, Observed
from provisioner.jobs.views import HostView, ObservedView, host_view, observed_view
from provisioner.timeline import audit


def add_host(
    database: Database,
    name: str,
    macs: Iterable[str],
    *,
    aliases: Iterable[str] = (),
    uuid: str = "",
    now: float,
    who: str,
) -> None:
    """Add a host under checked names and MACs. Raises ConflictError if any of them is somebody's already."""
    macs, aliases = tuple(dict.fromkeys(macs)), tuple(dict.fromkeys(aliases))
    with database.write() as session:
        for wanted in (name, *aliases):
            _refuse_taken_name(session, wanted)
        for mac in macs:
            _refuse_taken_mac(session, mac)
        host = Host(name=name, uuid=uuid, created=now)
        host.macs = [Mac(mac=mac) for mac in macs]
        host.aliases = [Alias(name=alias) for alias in aliases if alias != name]
        session.add(host)
        _forget_observed(session, macs)
        audit.note(session, who, "host add", f"{name} {' '.join(macs)}", now)


def remove_host(database: Database, name: str, *, now: float, who: str) -> None:
    """Remove a host with its jobs and logs. Raises NotFoundError."""
    with database.write() as session:
        session.delete(find_host(session, name))
        audit.note(session, who, "host rm", name, now)


def get_host(database: Database, name: str) -> HostView:
    """The host of that name or alias. Raises NotFoundError."""
    with database.read() as session:
        row = find_host(session, name)
        return host_view(row, _latest_jobs(session, row.id).get(row.id))


def list_hosts(database: Database) -> list[HostView]:
    """All hosts by name, each with its latest job."""
    with database.read() as session:
        jobs = _latest_jobs(session)
        rows = session.scalars(select(Host).order_by(Host.name))
        return [host_view(row, jobs.get(row.id)) for row in rows]


def list_observed(database: Database) -> list[ObservedView]:
    """Machines that asked and are nobody's, the latest first."""
    with database.read() as session:
        rows = session.scalars(select(Observed).order_by(Observed.last_seen.desc()))
        return [observed_view(row) for row in rows]


def names_with_addresses(database: Database) -> list[tuple[str, str]]:
    """``(name, address)`` for every name and alias of every host whose address is known."""
    with database.read() as session:
        rows = session.scalars(select(Host).where(Host.address != ""))
        return [(name, row.address) for row in rows for name in (row.name, *(a.name for a in row.aliases))]


def find_host(session: Session, name: str) -> Host:
    """The row of a host by name or alias. Raises NotFoundError."""
    by_alias = select(Alias.host_id).where(Alias.name == name)
    row = session.scalar(select(Host).where((Host.name == name) | Host.id.in_(by_alias)))
    if row is None:
        raise NotFoundError(f"there is no host {name!r}", "see 'clonesys host list'")
    return row


def find_by_mac(session: Session, mac: str) -> Host | None:
    """The row of the host with that MAC, or None."""
    return session.scalar(select(Host).join(Mac).where(Mac.mac == mac))


def observe(session: Session, mac: str, address: str, detail: str, now: float) -> None:
    """Remember that an unknown machine asked."""
    row = session.get(Observed, mac)
    if row is None:
        session.add(Observed(mac=mac, address=address, detail=detail, first_seen=now, last_seen=now))
        session.flush()
        return
    row.last_seen, row.times = now, row.times + 1
    row.address, row.detail = address or row.address, detail or row.detail


def _latest_jobs(session: Session, host_id: int | None = None) -> dict[int, Job]:
    latest = select(func.max(Job.id)).group_by(Job.host_id)
    if host_id is not None:
        latest = latest.where(Job.host_id == host_id)
    return {job.host_id: job for job in session.scalars(select(Job).where(Job.id.in_(latest)))}


def _refuse_taken_name(session: Session, name: str) -> None:
    try:
        holder = find_host(session, name)
    except NotFoundError:
        return
    raise ConflictError(
        f"the name {name!r} belongs to host {holder.name!r} already", "choose another, or remove that host"
    )


def _refuse_taken_mac(session: Session, mac: str) -> None:
    holder = find_by_mac(session, mac)
    if holder is not None:
        raise ConflictError(
            f"the MAC {mac} belongs to host {holder.name!r} already",
            f"see 'clonesys host show {holder.name}'",
        )


def _forget_observed(session: Session, macs: Iterable[str]) -> None:
    for row in session.scalars(select(Observed).where(Observed.mac.in_(tuple(macs)))):
        session.delete(row)
