"""The queue of jobs: making, replacing, cancelling, reading. What agents do to jobs is in ``contact``."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from initramfs import messages
from provisioner.base.errors import ConflictError, NotFoundError
from provisioner.database.engine import Database
from provisioner.hosts.registry import find_host
from provisioner.hosts.tables import Host
from provisioner.jobs.life import ACTIVE, JobEvent, JobState, next_state
from provisioner.jobs.tables import Job, LogLine
from provisioner.jobs.views import JobView, LogView, job_view


def queue_job(session: Session, host: Host, job: messages.Job, now: float, made_by: str = "") -> Job:
    """Let ``host`` run ``job`` at its next network boot; its row, numbered.

    A job that is still queued is replaced, and says by which. Raises ConflictError while one is running.
    """
    old = clear(session, host, now)
    row = Job(
        host_id=host.id,
        profile=job.profile,
        action=job.work.action.value,
        document={},
        created=now,
        made_by=made_by,
    )
    session.add(row)
    session.flush()
    row.document = to_document(replace(job, id=row.id))
    if old is not None:
        old.error = f"replaced by job {row.id} ({row.profile}){_given(row)} before it began"
    return row


def clear(session: Session, host: Host, now: float, why: str = "") -> Job | None:
    """Let ``host`` start from its own disk; the queued job that was cancelled for it, if there was one.

    Raises ConflictError if one runs.
    """
    row = active_job(session, host.id)
    if row is None:
        return None
    if row.state is not JobState.QUEUED:
        raise ConflictError(
            f"host {host.name!r} is busy: job {row.id} ({row.profile}){_given(row)} is {row.state}",
            f"wait for it, or end it with 'clonesys job cancel {row.id}'",
        )
    cancel(row, now, why)
    return row


def cancel(row: Job, now: float, why: str = "", hint: str = "") -> None:
    """End a job that has not ended. Its agent learns it with its next report. Raises ConflictError."""
    row.state = next_state(row.state, JobEvent.CANCEL)
    row.ended = now
    row.error, row.hint = why, hint


def _given(row: Job) -> str:
    return f", given by {row.made_by}," if row.made_by else ""


def get_job(database: Database, number: int) -> JobView:
    """One job. Raises NotFoundError."""
    with database.read() as session:
        row = find_job(session, number)
        return job_view(row, latest=row.id in _latest(session, [row]))


def list_jobs(database: Database, host: str | None = None, limit: int = 100) -> list[JobView]:
    """The latest jobs, newest first; of one host if named. Raises NotFoundError for an unknown host."""
    with database.read() as session:
        query = select(Job).order_by(Job.id.desc()).limit(limit)
        if host is not None:
            query = query.where(Job.host_id == find_host(session, host).id)
        rows = session.scalars(query).all()
        latest = _latest(session, rows)
        return [job_view(row, latest=row.id in latest) for row in rows]


def _latest(session: Session, rows: Iterable[Job]) -> set[int]:
    """The number of the latest job of each of their hosts."""
    hosts = {row.host_id for row in rows}
    query = select(func.max(Job.id)).where(Job.host_id.in_(hosts)).group_by(Job.host_id)
    return set(session.scalars(query))


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


def jobs_needing(database: Database, digests: Collection[bytes]) -> dict[bytes, list[JobView]]:
    """The jobs that have not ended and need one of these images, by the image's digest."""
    found: dict[bytes, list[JobView]] = {}
    with database.read() as session:
        for row in session.scalars(select(Job).where(Job.state.in_(ACTIVE)).order_by(Job.id)):
            for _, image in messages.images_by_place(from_document(row.document).work):
                if image.digest in digests:
                    found.setdefault(image.digest, []).append(job_view(row))
    return found


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
