"""What the controller does to the database: notices silence, forgets what is old."""

from __future__ import annotations

import math
from collections.abc import Callable

from sqlalchemy import delete, select

from provisioner.base.config import Config
from provisioner.database.engine import Database
from provisioner.database.turns import Urgency
from provisioner.hosts.tables import Observed
from provisioner.jobs.heartbeat import check
from provisioner.jobs.life import ACTIVE, JobEvent, JobState, next_state
from provisioner.jobs.tables import Job
from provisioner.security.tables import RevokedToken, Token, UsedNonce
from provisioner.security.tokens import USED_LIFETIME
from provisioner.timeline import events

DAY = 24 * 3600.0
MAX_EVENTS = 2_000_000
"""Events that are kept, some 300 MB: a network that makes noise does not fill the disk."""


def mark_silent(
    database: Database, config: Config, now: float, calm: float = math.inf
) -> list[tuple[int, JobState]]:
    """Mark jobs whose agents are silent; what was changed, as ``(job, new state)``.

    ``calm`` is for how many seconds there was an appliance to talk to, and its clock was not set: no longer
    can it know an agent to be silent.
    """
    changed = []
    with database.write() as session:
        for job in session.scalars(select(Job).where(Job.state.in_(ACTIVE - {JobState.QUEUED}))):
            verdict = check(
                job.state, min(now - (job.heard or job.created), calm), job.attempts, config.contact
            )
            if verdict is None:
                continue
            job.state, job.error, job.hint = next_state(job.state, verdict.event), verdict.error, verdict.hint
            if verdict.event is JobEvent.EXHAUST:
                job.ended = now
            mac = job.host.macs[0].mac if job.host.macs else ""
            events.note(session, events.RESULT, mac, f"job {job.id} {job.state}", now)
            changed.append((job.id, job.state))
    return changed


def forget_old(
    database: Database, config: Config, now: float, between: Callable[[], None] = lambda: None
) -> None:
    """Forget nonces and tokens that have expired, and what was seen longer ago than it is kept.

    In short transactions; ``between`` is called after each.
    """
    history = now - config.keep.events_days * DAY
    with database.write(Urgency.LATER) as session:
        session.execute(delete(UsedNonce).where(UsedNonce.at < now - USED_LIFETIME))
        session.execute(delete(Token).where(Token.expires < now))
        session.execute(delete(RevokedToken).where(RevokedToken.expires < now))
        session.execute(delete(Observed).where(Observed.last_seen < history))
    for _ in events.forget(database, history, MAX_EVENTS):
        between()
