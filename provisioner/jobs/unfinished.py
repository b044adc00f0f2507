"""What ending a job before its time leaves on its machine's disk, as far as the machine has told.

An agent reports its first write before it makes it, and waits until that is known. So a job without that
report has changed nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from sqlalchemy import select
from sqlalchemy.orm import Session

from initramfs import messages
from initramfs.messages import StepState
from provisioner.jobs.life import JobState
from provisioner.jobs.queue import active_job, from_document
from provisioner.jobs.tables import Job, LogLine

COMMIT = "commit"
"""The step that makes a disk able to start; the agent's last write."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A job that its machine has begun. ``disk`` says what the disk is now, ``hint`` what to do about it.

    ``harmed``: the disk holds neither what it did nor what it should.
    """

    job: int
    host: str
    profile: str
    state: JobState
    harmed: bool
    disk: str
    hint: str

    def __str__(self) -> str:
        return f"job {self.job} ({self.profile}) on {self.host} is {self.state}: {self.disk}"


def unfinished_of(session: Session, host_id: int) -> Unfinished | None:
    """The job that a host has begun and not ended, or None: one that waits has changed nothing."""
    job = active_job(session, host_id)
    return None if job is None or job.state is JobState.QUEUED else describe(session, job)


def describe(session: Session, job: Job) -> Unfinished:
    """What ending this job now leaves behind."""
    harmed, disk, hint = _disk(session, job)
    return Unfinished(job.id, job.host.name, job.profile, job.state, harmed, disk, hint)


def _disk(session: Session, job: Job) -> tuple[bool, str, str]:
    if job.state is JobState.QUEUED:
        return False, "it has not begun, and its disk is as it was", ""
    work = from_document(job.document).work
    match work:
        case messages.Install():
            left = "its disk is half written and does not start"
        case messages.RestorePartitions():
            numbers = ", ".join(str(part.number) for part in work.partition_images)
            left = f"partition {numbers} of its disk is half written, and the disk may not start"
        case messages.Backup():
            return False, "its disk is only read; images that are not complete are dropped", ""
        case messages.TakeInventory() | messages.Rescue():
            return False, "its disk is not written to", ""
        case _:
            assert_never(work)
    if not _said(session, job, messages.FIRST_WRITE, StepState.STARTED):
        return False, "nothing was written to its disk yet", ""
    if _said(session, job, COMMIT, StepState.FINISHED, attempt=job.attempts):
        return False, "its disk is complete and read back; only the end of the job is missing", ""
    return True, left, "give the profile again and start it from the network: the restore goes on"


def _said(session: Session, job: Job, step: str, state: StepState, attempt: int | None = None) -> bool:
    query = select(LogLine.id).where(
        LogLine.job_id == job.id, LogLine.step == step, LogLine.state == state.value
    )
    if attempt is not None:
        query = query.where(LogLine.attempt == attempt)
    return session.scalars(query.limit(1)).first() is not None
