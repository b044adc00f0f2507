"""What the controller does to the database: notices silence, forgets what is old."""

from __future__ import annotations

from sqlalchemy import delete, select

from provisioner.base.config import Config
from provisioner.database.engine import Database
from provisioner.hosts.tables import Observed
from provisioner.jobs.heartbeat import check
from provisioner.jobs.life import ACTIVE, JobEvent, JobState, next_state
from provisioner.jobs.tables import Job
from provisioner.security.nonces import CLOCK_SLACK
from provisioner.security.tables import RevokedToken, Token, UsedNonce
from provisioner.timeline import events
from provisioner.timeline.tables import EventRow

DAY = 24 * 3600.0


def mark_silent(database: Database, config: Config, now: float) -> list[tuple[int, JobState]]:
    """Mark jobs whose agents are silent; what was changed, as ``(job, new state)``."""
    changed = []
    with database.write() as session:
        for job in session.scalars(select(Job).where(Job.state.in_(ACTIVE - {JobState.QUEUED}))):
            verdict = check(job.state, now - (job.heard or job.created), job.attempts, config.contact)
            if verdict is None:
                continue
            job.state, job.error, job.hint = next_state(job.state, verdict.event), verdict.error, verdict.hint
            if verdict.event is JobEvent.EXHAUST:
                job.ended = now
            mac = job.host.macs[0].mac if job.host.macs else ""
            events.note(session, events.RESULT, mac, f"job {job.id} {job.state}", now)
            changed.append((job.id, job.state))
    return changed


def forget_old(database: Database, config: Config, now: float) -> None:
    """Forget nonces and tokens that have expired, and what was seen longer ago than it is kept."""
    oldest_nonce = now - config.contact.nonce_minutes * 60 - 2 * CLOCK_SLACK
    history = now - config.keep.events_days * DAY
    with database.write() as session:
        session.execute(delete(UsedNonce).where(UsedNonce.at < oldest_nonce))
        session.execute(delete(Token).where(Token.expires < now))
        session.execute(delete(RevokedToken).where(RevokedToken.expires < now))
        session.execute(delete(EventRow).where(EventRow.at < history))
        session.execute(delete(Observed).where(Observed.last_seen < history))
