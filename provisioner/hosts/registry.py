"""Which hosts there are: adding, finding, observing. Within the caller's transaction where it is a session's.

Knows no jobs: what a host does is in ``jobs``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from initramfs.messages.names import RESERVED
from provisioner.base.errors import ConflictError, NotFoundError
from provisioner.database.engine import Database
from provisioner.hosts.tables import Alias, Host, Mac, Observed


@dataclass(frozen=True, slots=True)
class ObservedView:
    """A machine that asked and is not added yet. Times are seconds since the epoch.

    DHCP tells ``architecture`` and ``uuid``; the others are known of machines that were hosts, or whose agent
    has made a contact.
    """

    mac: str
    address: str
    detail: str
    first_seen: float
    last_seen: float
    times: int
    architecture: str
    uuid: str
    vendor: str
    model: str
    serial: str


def add_host(
    session: Session,
    name: str,
    macs: Iterable[str],
    *,
    aliases: Iterable[str] = (),
    uuid: str = "",
    now: float,
) -> Host:
    """Add a host under checked names and MACs. Raises ConflictError if one of them is taken."""
    macs, aliases = tuple(dict.fromkeys(macs)), tuple(dict.fromkeys(aliases))
    for wanted in (name, *aliases):
        _refuse_taken_name(session, wanted)
    for mac in macs:
        _refuse_taken_mac(session, mac)
    host = Host(name=name, uuid=uuid, created=now)
    host.macs = [Mac(mac=mac) for mac in macs]
    host.aliases = [Alias(name=alias) for alias in aliases if alias != name]
    session.add(host)
    _forget_observed(session, macs)
    return host


def find_host(session: Session, name: str) -> Host:
    """The row of a host by name or alias. Raises NotFoundError."""
    by_alias = select(Alias.host_id).where(Alias.name == name)
    row = session.scalar(select(Host).where((Host.name == name) | Host.id.in_(by_alias)))
    if row is None:
        raise NotFoundError(f"there is no host {name!a:.80}", "see 'clonesys host list'")
    return row


def find_by_mac(session: Session, mac: str) -> Host | None:
    """The row of the host with that MAC, or None."""
    return session.scalar(select(Host).join(Mac).where(Mac.mac == mac))


def find_observed(session: Session, mac: str) -> Observed | None:
    """The row of the machine with that MAC, if it was seen and belongs to no host."""
    return session.get(Observed, mac)


@dataclass(frozen=True, slots=True)
class Machine:
    """What is printed on a machine, as its firmware tells it."""

    vendor: str = ""
    model: str = ""
    serial: str = ""
    uuid: str = ""


def observe(
    session: Session, mac: str, address: str, detail: str, now: float, *, machine: Machine | None = None
) -> None:
    """Remember that an unknown machine asked, and what is known of it."""
    row = session.get(Observed, mac)
    if row is None:
        row = Observed(mac=mac, address=address, detail=detail, first_seen=now, last_seen=now, times=0)
        session.add(row)
    row.last_seen, row.times = now, row.times + 1
    row.address, row.detail = address or row.address, detail or row.detail
    if machine is not None:
        row.vendor, row.model = machine.vendor[:128] or row.vendor, machine.model[:128] or row.model
        row.serial, row.uuid = machine.serial[:128] or row.serial, machine.uuid.lower()[:36] or row.uuid
    session.flush()


def remove_host(session: Session, host: Host) -> None:
    """Forget a host. Its machine is observed from now on, if it was ever seen, with what is known of it."""
    system = (host.inventory or {}).get("system", {})
    machine = Machine(system.get("vendor", ""), system.get("product", ""), host.serial, host.uuid)
    macs, seen, address = [mac.mac for mac in host.macs], host.last_seen, host.address
    session.delete(host)
    session.flush()
    for mac in macs if seen is not None else ():
        observe(session, mac, address, "was a host", seen or 0.0, machine=machine)


def list_observed(database: Database) -> list[ObservedView]:
    """Machines that asked and belong to no host, the latest first."""
    with database.read() as session:
        rows = session.scalars(select(Observed).order_by(Observed.last_seen.desc()))
        return [_observed_view(row) for row in rows]


def _observed_view(row: Observed) -> ObservedView:
    return ObservedView(
        mac=row.mac,
        address=row.address,
        detail=row.detail,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        times=row.times,
        architecture=row.architecture,
        uuid=row.uuid,
        vendor=row.vendor,
        model=row.model,
        serial=row.serial,
    )


def names_with_addresses(database: Database) -> list[tuple[str, str]]:
    """``(name, address)`` for every name and alias of every host whose address is known.

    Without names that mean something else on every machine, which earlier versions took.
    """
    with database.read() as session:
        own = session.execute(select(Host.name, Host.address).where(Host.address != ""))
        aliases = session.execute(select(Alias.name, Host.address).join(Host).where(Host.address != ""))
        return [(name, address) for name, address in (*own, *aliases) if name not in RESERVED]


def claim_address(session: Session, host: Host, address: str) -> None:
    """``host`` was heard, authenticated, from ``address``, which is no other host's then; empty: unknown."""
    if address and address != host.address:
        session.execute(update(Host).where(Host.address == address).values(address=""))
        host.address = address


def names_by_mac(database: Database) -> dict[str, str]:
    """The name of each host, by its MACs."""
    with database.read() as session:
        rows = session.execute(select(Mac.mac, Host.name).join(Host))
        return {row.mac: row.name for row in rows}


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
