"""What the controller does to the database: notices silence and late starts, forgets what is old."""

from __future__ import annotations

import math
from collections.abc import Callable

from sqlalchemy import delete, select

from provisioner.base.config import Config, Contact
from provisioner.database.engine import Database
from provisioner.database.turns import Urgency
from provisioner.hosts.tables import Observed
from provisioner.jobs.heartbeat import check
from provisioner.jobs.life import ACTIVE, JobEvent, JobState, next_state
from provisioner.jobs.standing import standing
from provisioner.jobs.tables import Job
from provisioner.jobs.views import job_view
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


def note_late_starts(database: Database, policy: Contact, since: float, now: float) -> list[tuple[str, str]]:
    """Note the systems that should have started between ``since`` and ``now``; hosts, and what is said."""
    minutes = policy.first_start_minutes * 60
    late = select(Job).where(
        Job.state == JobState.SUCCEEDED,
        Job.up.is_(None),
        Job.ended > since - minutes,
        Job.ended <= now - minutes,
    )
    said = []
    with database.write() as session:
        for job in session.scalars(late):
            followed = session.scalar(
                select(Job.id).where(Job.host_id == job.host_id, Job.id > job.id).limit(1)
            )
            known = standing(job_view(job, latest=followed is None), now, policy)
            if known.raised:
                mac = job.host.macs[0].mac if job.host.macs else ""
                events.note(session, events.RESULT, mac, f"job {job.id} {known.note}", now)
                said.append((job.host.name, known.note))
    return said


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
