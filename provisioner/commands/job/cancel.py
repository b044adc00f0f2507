"""``job cancel``: jobs are ended. A machine that is at one stops at its next report."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from provisioner.base.checking import check_all
from provisioner.commands.agreement import Agree, ask_for, hold_to, refuse
from provisioner.commands.appliance import Appliance
from provisioner.jobs import queue
from provisioner.jobs.life import JobEvent, JobState, next_state
from provisioner.jobs.tables import Job
from provisioner.jobs.unfinished import Unfinished, describe
from provisioner.security.actors import Actor, Right
from provisioner.timeline import audit


@dataclass(frozen=True, slots=True)
class CancelJobs:
    """Jobs by their numbers."""

    numbers: tuple[int, ...]


def cancel_jobs(
    appliance: Appliance, actor: Actor, wish: CancelJobs, *, agree: Agree = refuse
) -> tuple[Unfinished, ...]:
    """End all of them or none; what each leaves behind. ``agree`` is asked about those that have begun.

    Raises ForbiddenError, NotFoundError, ConflictError if one has ended, and InvalidError with all problems
    at once.
    """
    actor.require(Right.JOBS)
    with appliance.database.read() as session:
        found = [describe(session, job) for job in _find_all(session, wish.numbers)]
    agreed = ask_for((job for job in found if job.state is not JobState.QUEUED), agree)
    with appliance.database.write() as session:
        jobs = {str(job.id): job for job in _find_all(session, wish.numbers)}
        return tuple(
            check_all(jobs, lambda key: _cancel(session, appliance, actor, jobs[key], agreed), "jobs")
        )


def _find_all(session: Session, numbers: tuple[int, ...]) -> list[Job]:
    def find(number: str) -> Job:
        job = queue.find_job(session, int(number))
        next_state(job.state, JobEvent.CANCEL)  # raises for a job that has ended
        return job

    return check_all(map(str, numbers), find, "jobs")


def _cancel(
    session: Session, appliance: Appliance, actor: Actor, job: Job, agreed: frozenset[int]
) -> Unfinished:
    found, now = describe(session, job), appliance.now()
    begun = job.state is not JobState.QUEUED
    if begun:
        hold_to(agreed, found)
    queue.cancel(job, now, f"cancelled by {actor.name}: {found.disk}", found.hint)
    said = f"{job.id} on {job.host.name}"
    audit.note(session, actor.name, "job cancel", f"{said}, while {found.disk}" if begun else said, now)
    return found
