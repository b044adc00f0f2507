"""How a job ends: as its host has signed it, in one transaction.

The token is not enough here. It goes over the wire with every request, so a listener may have it; the
key of the attempt never does.
"""

from __future__ import annotations

import json

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from initramfs import messages
from provisioner.base.config import Contact
from provisioner.base.text import line, lines
from provisioner.database.engine import Database
from provisioner.jobs import receipts
from provisioner.jobs.contact import authorised_job
from provisioner.jobs.life import JobEvent, JobState, next_state
from provisioner.jobs.receipts import Sign
from provisioner.jobs.reports import MAX_LOG_TEXT
from provisioner.jobs.standing import standing
from provisioner.jobs.tables import Job, LogLine
from provisioner.jobs.views import job_view
from provisioner.security.signatures import UnprovedError, open_statement, read_signed
from provisioner.timeline import audit, events

STEP = "result"
REFUSED = "refused"
MAX_REFUSED = 100
"""Refusals of one job that are noted: who overhears its token may send more, and the audit log stays."""


def take_result(
    database: Database, token: str, number: int, body: bytes, *, address: str, now: float, sign: Sign
) -> None:
    """End a job as its host has signed, and keep its receipt signed; a repetition is ignored.

    Raises TokenError, ForeignTokenError, ConflictError when this agent should stop, and UnprovedError for
    what the host has not signed, after that has been put into the job's log and the audit log.
    """
    with database.write() as session:
        job, mac = authorised_job(session, token, number, now)
        try:
            signed = read_signed(body)
            statement = open_statement(
                signed, job.host_key or "", host=job.host.name, job=job.id, attempt=job.attempts
            )
        except UnprovedError as error:
            _refuse(session, job, f"from {address}: {error.message}", now)
            refusal = error
        else:
            if job.state not in {JobState.SUCCEEDED, JobState.FAILED}:
                _end(session, job, mac, statement.result, now)
                receipts.keep(session, job, mac, statement.result, statement=signed, sign=sign, now=now)
            return
    raise refusal


def _end(session: Session, job: Job, mac: str, result: messages.Result, now: float) -> None:
    job.state = next_state(job.state, JobEvent.SUCCEED if result.ok else JobEvent.FAIL)
    job.heard = job.ended = now
    job.error, job.hint = lines(result.error, MAX_LOG_TEXT), lines(result.hint, MAX_LOG_TEXT)
    job.receipt = json.loads(messages.encode(result.receipt)) if result.receipt else None
    known = job.error or standing(job_view(job), now, Contact()).note  # an end is never late
    events.note(session, events.RESULT, mac, f"job {job.id} {job.state} {known}".rstrip(), now)


def _refuse(session: Session, job: Job, why: str, now: float) -> None:
    refused = select(func.count()).where(LogLine.job_id == job.id, LogLine.state == REFUSED)
    if (session.scalar(refused) or 0) >= MAX_REFUSED:
        return
    audit.note(session, "appliance", "result refused", f"{job.id} on {job.host.name} {line(why, 1000)}", now)
    mine = select(func.min(LogLine.sequence)).where(LogLine.job_id == job.id, LogLine.attempt == job.attempts)
    entry = LogLine(
        job_id=job.id,
        attempt=job.attempts,
        sequence=min(session.scalar(mine) or 0, 0) - 1,
        at=now,
        step=STEP,
        state=REFUSED,
        text=lines(why, MAX_LOG_TEXT),
    )
    session.add(entry)
