"""The timeline: what was seen on the network, from agents, from installed systems."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from provisioner.database.engine import Database
from provisioner.timeline.tables import EventRow

CONTACT = "contact"
STEP = "step"
RESULT = "result"
PHONE_HOME = "phone-home"


@dataclass(frozen=True, slots=True)
class EventView:
    """One entry of the timeline. ``at`` is in seconds since the epoch."""

    id: int
    at: float
    kind: str
    mac: str
    address: str
    detail: str


def note(session: Session, kind: str, mac: str, detail: str, now: float, *, address: str = "") -> None:
    """Add one event to the timeline, within the caller's transaction."""
    session.add(EventRow(at=now, kind=kind, mac=mac, address=address, detail=detail))


def list_events(
    database: Database, mac: str | None = None, *, after: int = 0, since: float = 0.0, limit: int = 1000
) -> list[EventView]:
    """Events with a number above ``after``, not before ``since``, oldest first; of one machine if named."""
    with database.read() as session:
        query = (
            select(EventRow)
            .where(EventRow.id > after, EventRow.at >= since)
            .order_by(EventRow.id)
            .limit(limit)
        )
        if mac is not None:
            query = query.where(EventRow.mac == mac)
        return [
            EventView(row.id, row.at, row.kind, row.mac, row.address, row.detail)
            for row in session.scalars(query)
        ]
