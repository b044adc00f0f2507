"""What agents do to the database: contact, reports. Each is one transaction. The result is in ``results``.

The contact is where a one-shot profile is consumed and an attempt is counted;
nothing before it (offers, scripts, downloads) changes anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from initramfs import messages
from provisioner.base.errors import ConflictError
from provisioner.database.engine import Database
from provisioner.database.tables import Host, Job, LogLine, Step
from provisioner.hosts.registry import find_by_mac, observe
from provisioner.jobs.life import ACTIVE, Event, State, next_state
from provisioner.jobs.queue import LOCAL, active_job, find_job, from_document
from provisioner.security.nonces import Nonce, NonceError
from provisioner.security.tokens import (
    AGENT_LIFETIME,
    PHONE_HOME_LIFETIME,
    ForeignTokenError,
    Purpose,
    check,
    issue,
    use_nonce,
)
from provisioner.timeline import events

MAX_LOG_TEXT = 4000
"""Characters kept of one line an agent says."""
MAX_COUNT = 2**63 - 1
"""The largest count of bytes that a database keeps."""


class UnknownHostError(NonceError):
    """The nonce is good, but its machine is nobody's any more."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What a contact brought: the host's name, the tokens, and the job of this attempt, if any."""

    host: str
    token: str
    job: messages.Job | None
    attempt: int = 0
    phone_home_token: str = ""


def admit(
    database: Database, nonce: Nonce, contact: messages.Contact, *, address: str, now: float, attempts: int
) -> Admission:
    """Take a contact: use up the nonce, keep the inventory, start the next attempt of the host's job.

    The attempt belongs to the key that the contact tells. A job that was started ``attempts`` times already
    is not given out again. Raises NonceUsedError, and UnknownHostError after the machine has been put among
    the observed.
    """
    with database.write() as session:
        host = find_by_mac(session, nonce.mac)
        if host is not None:
            fresh = use_nonce(session, nonce, contact.challenge, contact.host_key)
            _remember(host, contact.inventory, address, now)
            if fresh:
                job = _next_attempt(session, host, contact.host_key, attempts, now)
            else:
                job = _same_attempt(session, host, contact.host_key)
            return _admission(session, host, job, nonce.mac, address=address, now=now)
        observe(session, nonce.mac, address, "contact without a host", now)
    raise UnknownHostError(f"no host has the MAC {nonce.mac}", "add it with 'clonesys host add'")


def with_phone_home(job: messages.Job, url: str, token: str) -> messages.Job:
    """The job with the address to phone home to, where its profile asked for one.

    Only now is it known: the token is kept as a hash, and the agent has just used that address.
    """
    work = job.work
    if not isinstance(work, messages.Install | messages.RestorePartitions):
        return job
    person = work.personalisation
    if person is None or not person.phone_home_url:
        return job
    told = replace(person, phone_home_url=url, phone_home_token=token)
    return replace(job, work=replace(work, personalisation=told))


def authorise(database: Database, token: str, now: float) -> None:
    """Let an agent read. Raises TokenError, ForeignTokenError."""
    with database.read() as session:
        check(session, token, Purpose.AGENT, now)


@dataclass(frozen=True, slots=True)
class BackingUp:
    """A running backup: which host's, and the names of the images it may add. ``owner`` names its upload."""

    number: int
    host: str
    images: frozenset[str]

    @property
    def owner(self) -> str:
        """Unlike any other upload's."""
        return f"job-{self.number}"


def authorise_backup(database: Database, token: str, now: float) -> BackingUp:
    """Let the agent of a running backup send. Raises TokenError, ForeignTokenError, ConflictError."""
    with database.read() as session:
        number = check(session, token, Purpose.AGENT, now).job_id
        if number is None:
            raise ForeignTokenError("the token is for no job")
        row, _ = authorised_job(session, token, number, now)
        work = from_document(row.document).work
        if not isinstance(work, messages.Backup) or row.state not in ACTIVE:
            raise ForeignTokenError(f"job {number} is no running backup", "this agent should stop")
        return BackingUp(number, row.host.name, frozenset(work.names()))


def take_reports(database: Database, token: str, number: int, batch: messages.Reports, now: float) -> None:
    """Take a batch of reports; those that were taken before are skipped.

    Raises TokenError, ForeignTokenError, and ConflictError when this agent should stop.
    """
    with database.write() as session:
        job, mac = authorised_job(session, token, number, now)
        if job.state in {State.SUCCEEDED, State.FAILED}:
            return  # an answer was lost and the batch comes again, after the result
        job.state, job.heard = next_state(job.state, Event.REPORT), now
        job.error = job.hint = ""  # what was guessed about its silence
        for report in batch.reports:
            if report.sequence > job.last_sequence:
                _apply(session, job, report)
                job.last_sequence = report.sequence
                if report.state in {messages.StepState.FINISHED, messages.StepState.FAILED}:
                    events.note(session, events.STEP, mac, f"{report.step} {report.state}", now)


def authorised_job(session: Session, token: str, number: int, now: float) -> tuple[Job, str]:
    """The row of a job and the MAC, for the token of its current attempt.

    Raises TokenError, ForeignTokenError, and ConflictError when this agent should stop.
    """
    row = check(session, token, Purpose.AGENT, now)
    if row.job_id != number:
        raise ForeignTokenError(f"the token is not for job {number}")
    job = find_job(session, number)
    if job.attempts != row.attempt:
        raise ConflictError(f"job {number} was started again by another contact", "this agent should stop")
    if job.state not in ACTIVE | {State.SUCCEEDED, State.FAILED}:
        raise ConflictError(f"job {number} is {job.state}", "this agent should stop")
    return job, row.mac


def _next_attempt(session: Session, host: Host, host_key: str, attempts: int, now: float) -> Job | None:
    host.profile = LOCAL
    job = active_job(session, host.id)
    if job is None or job.attempts >= attempts:
        return None
    job.state = next_state(job.state, Event.CONTACT)
    job.attempts += 1
    job.host_key = host_key
    job.started = job.started or now
    job.heard = now
    job.error = job.hint = ""
    job.last_sequence = 0
    job.steps.clear()  # the new attempt plans anew; what the old one said stays in the log
    session.flush()
    return job


def _same_attempt(session: Session, host: Host, host_key: str) -> Job | None:
    """The job whose assignment got lost on the way: started by this agent, and nothing heard of it yet."""
    job = active_job(session, host.id)
    if job is None or job.state is not State.RUNNING or job.last_sequence:
        return None
    return job if job.host_key == host_key else None


def _admission(
    session: Session, host: Host, job: Job | None, mac: str, *, address: str, now: float
) -> Admission:
    events.note(session, events.CONTACT, mac, f"job {job.id}" if job else "no job", now, address=address)
    token = issue(session, Purpose.AGENT, host.id, job, mac=mac, expires=now + AGENT_LIFETIME)
    if job is None:
        return Admission(host.name, token, None)
    home = issue(session, Purpose.PHONE_HOME, host.id, job, mac=mac, expires=now + PHONE_HOME_LIFETIME)
    return Admission(host.name, token, from_document(job.document), job.attempts, home)


def _remember(host: Host, inventory: messages.Inventory, address: str, now: float) -> None:
    host.inventory = json.loads(messages.encode(inventory))
    host.firmware = inventory.firmware.value
    host.serial = inventory.system.serial[:128]
    host.uuid = inventory.system.uuid.lower()[:36] or host.uuid
    host.address, host.last_seen = address or host.address, now


def _apply(session: Session, job: Job, report: messages.Report) -> None:
    step = _step(job, report)
    for name, value in _changes(report).items():
        setattr(step, name, value)
    if report.state is not messages.StepState.PROGRESS:
        line = LogLine(
            job_id=job.id,
            attempt=job.attempts,
            sequence=report.sequence,
            at=report.at,
            step=report.step[:63],
            state=report.state.value,
            text=(report.detail or report.title)[:MAX_LOG_TEXT],
        )
        session.add(line)


def _step(job: Job, report: messages.Report) -> Step:
    for step in job.steps:
        if step.name == report.step[:63]:
            return step
    step = Step(position=len(job.steps), name=report.step[:63], state=messages.StepState.PLANNED.value)
    job.steps.append(step)
    return step


def _changes(report: messages.Report) -> dict[str, Any]:
    """What a report changes in its step."""
    changes: dict[str, Any] = {"heard": report.at}
    if report.title:
        changes["title"] = report.title[:255]
    if report.total:
        changes |= {"done": min(report.done, MAX_COUNT), "total": min(report.total, MAX_COUNT)}
    match report.state:
        case messages.StepState.STARTED:
            changes |= {"state": "started", "started": report.at}
        case messages.StepState.FINISHED | messages.StepState.FAILED:
            changes |= {"state": report.state.value, "ended": report.at, "detail": report.detail}
        case messages.StepState.LOG:
            changes["detail"] = report.detail
        case messages.StepState.PLANNED | messages.StepState.PROGRESS:
            pass
    return changes
