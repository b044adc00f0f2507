"""What the network services saw of machines: into the timeline, and as each machine's last sign of life.

A batch costs a handful of statements, however many machines are in it: it is one short transaction, and
gives way to those of agents and people.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from netboot.events import Event
from provisioner.base.text import line
from provisioner.database.engine import Database
from provisioner.database.turns import Urgency
from provisioner.hosts.tables import Host, Mac, Observed
from provisioner.timeline import events

MAX_OBSERVED = 10_000
"""Unknown machines that are remembered; a network that invents more pushes the oldest out."""


@dataclass(slots=True)
class _Sign:
    """What a batch says of one machine."""

    first: float
    last: float
    times: int = 0
    address: str = ""
    detail: str = ""
    architecture: str = ""
    uuid: str = ""


def record(database: Database, seen: Iterable[Event]) -> None:
    """Take a batch of sightings, in one transaction. Raises DatabaseError."""
    batch = list(seen)
    with database.write(Urgency.LATER) as session:
        events.note_all(
            session,
            (
                events.Sighting(
                    event.at, event.kind.value, event.mac or "", event.address or "", event.detail
                )
                for event in batch
            ),
        )
        signs = _by_machine(batch)
        hosts = _hosts(session, signs)
        _last_signs(session, {host: signs[mac] for mac, host in hosts.items()})
        _observe(session, {mac: sign for mac, sign in signs.items() if mac not in hosts})


def _by_machine(batch: Iterable[Event]) -> dict[str, _Sign]:
    signs: dict[str, _Sign] = {}
    for event in batch:
        if event.mac:
            sign = signs.setdefault(event.mac, _Sign(event.at, event.at))
            sign.last, sign.times = event.at, sign.times + 1
            sign.address, sign.detail = event.address or sign.address, line(event.detail) or sign.detail
            sign.architecture = event.architecture or sign.architecture
            sign.uuid = event.uuid or sign.uuid
    return signs


def _hosts(session: Session, macs: Iterable[str]) -> dict[str, int]:
    rows = session.execute(select(Mac.mac, Mac.host_id).where(Mac.mac.in_(tuple(macs))))
    return {row.mac: row.host_id for row in rows}


def _last_signs(session: Session, signs: dict[int, _Sign]) -> None:
    # Not the address: anyone can ask for a script, or forge a packet, in another machine's name, and its DNS
    # name would follow. Only an authenticated contact moves it (registry.claim_address).
    if signs:
        session.execute(update(Host), [{"id": host, "last_seen": sign.last} for host, sign in signs.items()])


def _observe(session: Session, signs: dict[str, _Sign]) -> None:
    """Remember that unknown machines asked."""
    found = session.scalars(select(Observed).where(Observed.mac.in_(tuple(signs))))
    known = {row.mac: row for row in found}
    new = [
        {
            "mac": mac,
            "address": sign.address,
            "detail": sign.detail,
            "first_seen": sign.first,
            "last_seen": sign.last,
            "times": sign.times,
            "architecture": sign.architecture,
            "uuid": sign.uuid,
        }
        for mac, sign in signs.items()
        if mac not in known
    ]
    again = [
        {
            "mac": mac,
            "address": signs[mac].address or row.address,
            "detail": signs[mac].detail or row.detail,
            "last_seen": signs[mac].last,
            "times": row.times + signs[mac].times,
            "architecture": signs[mac].architecture or row.architecture,
            "uuid": signs[mac].uuid or row.uuid,
        }
        for mac, row in known.items()
    ]
    if again:
        session.execute(update(Observed), again)
    if new:
        session.execute(insert(Observed), new)
        _forget_oldest(session)


def _forget_oldest(session: Session) -> None:
    surplus = (session.scalar(select(func.count()).select_from(Observed)) or 0) - MAX_OBSERVED
    if surplus > 0:
        oldest = select(Observed.mac).order_by(Observed.last_seen).limit(surplus)
        session.execute(delete(Observed).where(Observed.mac.in_(oldest)))
