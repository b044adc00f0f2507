"""The timeline: what was seen on the network, from agents, from installed systems."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from netboot.events import Event as Seen
from provisioner.database.engine import Database
from provisioner.database.tables import Event
from provisioner.hosts.registry import find_by_mac, observe
from provisioner.jobs.views import EventView, event_view
from provisioner.security.tokens import Purpose, check

CONTACT = "contact"
STEP = "step"
RESULT = "result"
PHONE_HOME = "phone-home"


def note(session: Session, kind: str, mac: str, detail: str, now: float, *, address: str = "") -> None:
    """Add one event to the timeline, within the caller's transaction."""
    session.add(Event(at=now, kind=kind, mac=mac, address=address, detail=detail))


def record(database: Database, seen: Iterable[Seen]) -> None:
    """Take what the network services saw: into the timeline, and as the last sign of each machine."""
    with database.write() as session:
        for event in seen:
            note(
                session,
                event.kind.value,
                event.mac or "",
                event.detail,
                event.at,
                address=event.address or "",
            )
            if event.mac:
                _sighting(session, event.mac, event.address or "", event.detail, event.at)


def list_events(
    database: Database, mac: str | None = None, *, after: int = 0, since: float = 0.0, limit: int = 1000
) -> list[EventView]:
    """Events with a number above ``after``, not before ``since``, oldest first; of one machine if named."""
    with database.read() as session:
        query = select(Event).where(Event.id > after, Event.at >= since).order_by(Event.id).limit(limit)
        if mac is not None:
            query = query.where(Event.mac == mac)
        return [event_view(row) for row in session.scalars(query)]


def phone_home(database: Database, token: str, hostname: str, address: str, now: float) -> None:
    """An installed system says that it is up. Raises TokenError, ForeignTokenError."""
    with database.write() as session:
        row = check(session, token, Purpose.PHONE_HOME, now)
        host = find_by_mac(session, row.mac)
        if host is not None:
            host.phoned_home, host.phoned_home_as = now, hostname
            host.address, host.last_seen = address or host.address, now
        note(session, PHONE_HOME, row.mac, hostname, now, address=address)


def _sighting(session: Session, mac: str, address: str, detail: str, now: float) -> None:
    host = find_by_mac(session, mac)
    if host is None:
        observe(session, mac, address, detail, now)
    else:
        host.last_seen, host.address = now, address or host.address
