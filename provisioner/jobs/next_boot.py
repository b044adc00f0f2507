"""What the booter asks of the database, many times during one boot. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from provisioner.database.engine import Database
from provisioner.database.tables import Job, Mac
from provisioner.jobs.life import ACTIVE


@dataclass(frozen=True, slots=True)
class Standing:
    """How a known host stands: whether it has a job to run, and how often that was started."""

    has_job: bool
    attempts: int = 0


def standing(database: Database, mac: str) -> Standing | None:
    """The standing of the host with that MAC; None if it is nobody's."""
    with database.read() as session:
        host = session.scalar(select(Mac.host_id).where(Mac.mac == mac))
        if host is None:
            return None
        query = select(Job.attempts).where(Job.host_id == host, Job.state.in_(ACTIVE)).order_by(Job.id.desc())
        attempts = session.scalars(query).first()
        return Standing(attempts is not None, attempts or 0)
