"""What agents say while they work: steps, progress, log. Each batch is one short transaction.

What is told is the word of a machine: lengths and numbers have limits, and texts are made fit to be shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from initramfs import messages
from provisioner.base.errors import InvalidError
from provisioner.base.text import line, lines
from provisioner.database.engine import Database
from provisioner.jobs.contact import authorised_job
from provisioner.jobs.life import JobEvent, JobState, next_state
from provisioner.jobs.tables import Job, LogLine, Step
from provisioner.timeline import events

MAX_LOG_TEXT = 4000
"""Characters kept of one line an agent says."""
MAX_COUNT = 2**63 - 1
"""The largest number that a database keeps."""
MAX_STEPS = 500
"""Steps of one attempt; the longest plan has some two dozen."""
MAX_LINES = 20_000
"""Lines kept of one job's log. An agent that says more is not heard less: its steps go on."""


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
        fresh = list(_fresh(batch.reports, job.last_sequence))
        if not fresh:
            return
        job.last_sequence = fresh[-1].sequence
        if any(r.step == messages.FIRST_WRITE and r.state is messages.StepState.STARTED for r in fresh):
            job.host.phoned_home, job.host.phoned_home_as = None, ""  # the system that did so is no more
        _apply(session, job, fresh)
        _log(session, job, fresh)
        done = [report for report in fresh if report.state in _ENDS]
        seen = (events.Sighting(now, events.STEP, mac, "", f"{r.step} {r.state}") for r in done)
        events.note_all(session, seen)


_ENDS = {messages.StepState.FINISHED, messages.StepState.FAILED}


def _fresh(reports: Iterable[messages.Report], last: int) -> Iterable[messages.Report]:
    for report in reports:
        if report.sequence > last:
            last = report.sequence
            yield report


def _apply(session: Session, job: Job, reports: Iterable[messages.Report]) -> None:
    """Change the steps as reported: each row once, whatever was said of it."""
    steps = {step.name: step for step in job.steps}
    changed: dict[str, dict[str, Any]] = {}
    for report in reports:
        changed.setdefault(line(report.step, 63), {}).update(_changes(report))
    if len(steps.keys() | changed.keys()) > MAX_STEPS:
        raise InvalidError(f"job {job.id} has more than {MAX_STEPS} steps: no agent of ours says so", ())
    new = {name: changes for name, changes in changed.items() if name not in steps}
    for name in changed.keys() & steps.keys():
        for field, value in changed[name].items():
            setattr(steps[name], field, value)
    if new:
        empty: dict[str, Any] = {"state": messages.StepState.PLANNED.value, "title": "", "detail": ""}
        empty |= {"done": 0, "total": 0, "started": None, "ended": None, "heard": None}
        rows = [
            empty | {"job_id": job.id, "name": name, "position": len(steps) + position} | changes
            for position, (name, changes) in enumerate(new.items())
        ]
        session.execute(insert(Step), rows)
        session.expire(job, ["steps"])


def _log(session: Session, job: Job, reports: Iterable[messages.Report]) -> None:
    said = [report for report in reports if report.state is not messages.StepState.PROGRESS]
    kept = session.scalar(select(func.count()).where(LogLine.job_id == job.id)) or 0
    rows = [
        {
            "job_id": job.id,
            "attempt": job.attempts,
            "sequence": report.sequence,
            "at": report.at,
            "step": line(report.step, 63),
            "state": report.state.value,
            "text": lines(report.detail or report.title, MAX_LOG_TEXT),
        }
        for report in said[: max(0, MAX_LINES - kept)]
    ]
    if rows:
        session.execute(insert(LogLine), rows)


def _changes(report: messages.Report) -> dict[str, Any]:
    """What a report changes in its step."""
    changes: dict[str, Any] = {"heard": report.at}
    if report.title:
        changes["title"] = line(report.title)
    if report.total:
        changes |= {"done": _count(report.done), "total": _count(report.total)}
    match report.state:
        case messages.StepState.STARTED:
            changes |= {"state": "started", "started": report.at}
        case messages.StepState.FINISHED | messages.StepState.FAILED:
            detail = lines(report.detail, MAX_LOG_TEXT)
            changes |= {"state": report.state.value, "ended": report.at, "detail": detail}
        case messages.StepState.LOG:
            changes["detail"] = lines(report.detail, MAX_LOG_TEXT)
        case messages.StepState.PLANNED | messages.StepState.PROGRESS:
            pass
    return changes


def _count(number: int) -> int:
    """Bytes, as a database keeps them."""
    return max(0, min(number, MAX_COUNT))
