"""Who changed what.

:func:`note` writes in the transaction of a change to the database, so neither is without the other;
:func:`record` after a change of the image store or of files, see :mod:`provisioner.commands.record`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from provisioner.database.engine import Database
from provisioner.timeline.tables import Audit


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. ``at`` is in seconds since the epoch; ``what`` is the verb, as the command line has it."""

    id: int
    at: float
    who: str
    what: str
    detail: str


def note(session: Session, who: str, what: str, detail: str, now: float) -> None:
    """Add one line to the audit log, within the caller's transaction."""
    session.add(Audit(at=now, who=who, what=what, detail=detail))


def record(database: Database, who: str, what: str, detail: str, now: float) -> None:
    """Add one line for a change that was made elsewhere: in the image store, in files."""
    with database.write() as session:
        note(session, who, what, detail, now)


def newest(database: Database) -> int:
    """The number of the latest entry; 0 if there is none."""
    with database.read() as session:
        return session.scalar(select(func.max(Audit.id))) or 0


def list_after(database: Database, number: int, limit: int = 1000) -> list[AuditEntry]:
    """The entries that came after one, oldest first."""
    with database.read() as session:
        rows = session.scalars(select(Audit).where(Audit.id > number).order_by(Audit.id).limit(limit))
        return [AuditEntry(row.id, row.at, row.who, row.what, row.detail) for row in rows]


def list_audit(database: Database, limit: int = 100) -> list[AuditEntry]:
    """The latest entries, newest first."""
    with database.read() as session:
        rows = session.scalars(select(Audit).order_by(Audit.id.desc()).limit(limit))
        return [AuditEntry(row.id, row.at, row.who, row.what, row.detail) for row in rows]
