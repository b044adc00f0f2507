"""Who changed what: written in the transaction of the change itself, so neither is without the other."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from provisioner.database.engine import Database
from provisioner.database.tables import Audit


def note(session: Session, who: str, what: str, detail: str, now: float) -> None:
    """Add one line to the audit log."""
    session.add(Audit(at=now, who=who, what=what, detail=detail))


def record(database: Database, who: str, what: str, detail: str, now: float) -> None:
    """Add one line for a change that was made elsewhere: in the image store, in files."""
    with database.write() as session:
        note(session, who, what, detail, now)


def list_audit(database: Database, limit: int = 100) -> list[tuple[float, str, str, str]]:
    """The latest entries, newest first, as ``(at, who, what, detail)``."""
    with database.read() as session:
        rows = session.scalars(select(Audit).order_by(Audit.id.desc()).limit(limit))
        return [(row.at, row.who, row.what, row.detail) for row in rows]
