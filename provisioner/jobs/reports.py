"""What agents say while they work: steps, progress, log. Each batch is one transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from initramfs import messages
from provisioner.base.errors import InvalidError
from provisioner.database.engine import Database
from provisioner.jobs.contact import authorised_job
from provisioner.jobs.life import JobEvent, JobState, next_state
from provisioner.jobs.tables import Job, LogLine, Step
from provisioner.timeline import events

MAX_LOG_TEXT = 4000
"""Characters kept of one line an agent says."""
MAX_COUNT = 2**63 - 1
"""The largest number that a database keeps."""


def take_reports(database: Database, token: str, number: int, batch: messages.Reports, now: float) -> None:
    """Take a batch of reports; those that were taken before are skipped.

    Raises TokenError, ForeignTokenError, InvalidError, and ConflictError when this agent should stop.
    """
    if any(report.sequence > MAX_COUNT for report in batch.reports):
        raise InvalidError("a report has a number that no agent reaches", ())
    with database.write() as session:
        job, mac = authorised_job(session, token, number, now)
        if job.state in {JobState.SUCCEEDED, JobState.FAILED}:
            return  # an answer was lost and the batch comes again, after the result
        job.state, job.heard = next_state(job.state, JobEvent.REPORT), now
        job.error = job.hint = ""  # what was guessed about its silence
        for report in batch.reports:
            if report.sequence > job.last_sequence:
                _apply(session, job, report)
                job.last_sequence = report.sequence
                if report.state in {messages.StepState.FINISHED, messages.StepState.FAILED}:
                    events.note(session, events.STEP, mac, f"{report.step} {report.state}", now)


def _apply(session: Session, job: Job, report: messages.Report) -> None:
    if report.step == messages.FIRST_WRITE and report.state is messages.StepState.STARTED:
        job.host.phoned_home, job.host.phoned_home_as = None, ""  # the system that did so is no more
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
