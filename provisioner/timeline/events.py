"""The timeline: what was seen on the network, from agents, from installed systems."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace

from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.orm import Session

from provisioner.base.text import line
from provisioner.database.engine import Database
from provisioner.database.turns import Urgency
from provisioner.timeline.tables import EventRow

MAX_DETAIL = 1000
"""Characters of what an event tells."""

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


@dataclass(frozen=True, slots=True)
class Sighting:
    """What becomes an entry of the timeline."""

    at: float
    kind: str
    mac: str
    address: str
    detail: str


def note(session: Session, kind: str, mac: str, detail: str, now: float, *, address: str = "") -> None:
    """Add one event to the timeline, within the caller's transaction."""
    session.add(EventRow(at=now, kind=kind, mac=mac, address=address, detail=line(detail, MAX_DETAIL)))


def note_all(session: Session, seen: Iterable[Sighting]) -> None:
    """Add many, in one statement."""
    rows = [asdict(replace(one, detail=line(one.detail, MAX_DETAIL))) for one in seen]
    if rows:
        session.execute(insert(EventRow), rows)


def forget(database: Database, before: float, most: int, piece: int = 1000) -> Iterator[int]:
    """Forget events of before ``before``, and the oldest beyond ``most``; how many, after each piece.

    In pieces, so that each is a short transaction and the caller may do other things in between.
    """
    while True:
        with database.write(Urgency.LATER) as session:
            newest = session.scalar(select(func.max(EventRow.id))) or 0
            old = or_(EventRow.at < before, EventRow.id <= newest - most)
            ids = list(session.scalars(select(EventRow.id).where(old).limit(piece)))
            session.execute(delete(EventRow).where(EventRow.id.in_(ids)))
        yield len(ids)
        if len(ids) < piece:
            return


def newest_event(database: Database) -> int:
    """The number of the latest event; 0 if there is none."""
    with database.read() as session:
        return session.scalar(select(func.max(EventRow.id))) or 0


def latest_events(database: Database, macs: Collection[str], limit: int) -> list[EventView]:
    """The latest events of the machine with these MACs, oldest first."""
    with database.read() as session:
        query = select(EventRow).where(EventRow.mac.in_(macs)).order_by(EventRow.id.desc()).limit(limit)
        return [_view(row) for row in reversed(session.scalars(query).all())]


def _view(row: EventRow) -> EventView:
    return EventView(row.id, row.at, row.kind, row.mac, row.address, row.detail)


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
        return [_view(row) for row in session.scalars(query)]
