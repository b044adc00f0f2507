"""Jobs in the database: queued, cancelled, shown. What agents do to them is in ``contact``."""

from __future__ import annotations

import json
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from initramfs import messages
from provisioner.base.errors import ConflictError, NotFoundError
from provisioner.database.engine import Database
from provisioner.database.tables import Host, Job, LogLine
from provisioner.hosts.registry import find_host
from provisioner.jobs.life import ACTIVE, Event, State, next_state
from provisioner.jobs.views import JobView, LogView, job_view
from provisioner.timeline import audit

LOCAL = "local"


def queue_job(database: Database, host: str, job: messages.Job, *, now: float, who: str) -> int:
    """Let ``host`` run ``job`` at its next network boot; the job's number.

    A job that is still queued is replaced. Raises ConflictError while one is running, NotFoundError.
    """
    with database.write() as session:
        owner = find_host(session, host)
        _clear_the_way(session, owner, now)
        row = Job(
            host_id=owner.id, profile=job.profile, action=job.work.action.value, document={}, created=now
        )
        session.add(row)
        session.flush()
        row.document = to_document(replace(job, id=row.id))
        owner.profile = job.profile
        audit.note(session, who, "host set", f"{owner.name} {job.profile} (job {row.id})", now)
        return row.id


def set_local(database: Database, host: str, *, now: float, who: str) -> None:
    """Let ``host`` start from its own disk; a queued job is cancelled. Raises ConflictError."""
    with database.write() as session:
        owner = find_host(session, host)
        _clear_the_way(session, owner, now)
        owner.profile = LOCAL
        audit.note(session, who, "host set", f"{owner.name} {LOCAL}", now)


def cancel_job(database: Database, number: int, *, now: float, who: str) -> None:
    """End a job that has not ended. Its agent learns it with its next report. Raises ConflictError."""
    with database.write() as session:
        row = find_job(session, number)
        _cancel(row, now)
        audit.note(session, who, "job cancel", f"{number} on {row.host.name}", now)


def get_job(database: Database, number: int) -> JobView:
    """One job. Raises NotFoundError."""
    with database.read() as session:
        return job_view(find_job(session, number))


def list_jobs(database: Database, host: str | None = None, limit: int = 100) -> list[JobView]:
    """The latest jobs, newest first; of one host if named. Raises NotFoundError for an unknown host."""
    with database.read() as session:
        query = select(Job).order_by(Job.id.desc()).limit(limit)
        if host is not None:
            query = query.where(Job.host_id == find_host(session, host).id)
        return [job_view(row) for row in session.scalars(query)]


def get_log(database: Database, number: int) -> list[LogView]:
    """What the agents of a job said, oldest first. Raises NotFoundError."""
    with database.read() as session:
        find_job(session, number)
        rows = session.scalars(select(LogLine).where(LogLine.job_id == number).order_by(LogLine.id))
        return [LogView(row.attempt, row.at, row.step, row.state, row.text) for row in rows]


def pinned_images(database: Database) -> set[bytes]:
    """The digests of all images that jobs still need, also of those that were removed by name since."""
    with database.read() as session:
        documents = [row.document for row in session.scalars(select(Job).where(Job.state.in_(ACTIVE)))]
    works = [from_document(document).work for document in documents]
    return {image.digest for work in works for _, image in messages.images_by_place(work)}


def is_backing_up(database: Database) -> bool:
    """Whether a host may still come back for the chunks it has sent."""
    with database.read() as session:
        query = select(Job.id).where(Job.state.in_(ACTIVE), Job.action == messages.Action.BACKUP.value)
        return session.scalars(query).first() is not None


def find_job(session: Session, number: int) -> Job:
    """The row of a job. Raises NotFoundError."""
    row = session.get(Job, number)
    if row is None:
        raise NotFoundError(f"there is no job {number}", "see 'clonesys job list'")
    return row


def active_job(session: Session, host_id: int) -> Job | None:
    """The row of the job that a host still has to do something for, or None."""
    query = select(Job).where(Job.host_id == host_id, Job.state.in_(ACTIVE)).order_by(Job.id.desc())
    return session.scalars(query).first()


def to_document(job: messages.Job) -> dict[str, object]:
    """The job as the JSON object that the agent will get."""
    document: dict[str, object] = json.loads(messages.encode(job))
    return document


def from_document(document: dict[str, object]) -> messages.Job:
    """The wire job in a row's document."""
    return messages.decode(messages.Job, json.dumps(document).encode())


def _clear_the_way(session: Session, host: Host, now: float) -> None:
    row = active_job(session, host.id)
    if row is None:
        return
    if row.state is not State.QUEUED:
        raise ConflictError(
            f"host {host.name!r} is busy: job {row.id} ({row.profile}) is {row.state}",
            f"wait for it, or end it with 'clonesys job cancel {row.id}'",
        )
    _cancel(row, now)


def _cancel(row: Job, now: float) -> None:
    row.state = next_state(row.state, Event.CANCEL)
    row.ended = now
    row.host.profile = LOCAL
