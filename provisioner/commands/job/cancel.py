"""``job cancel``: a job is ended. Its machine stops at its next report; the disk may be incomplete."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.commands.appliance import Appliance
from provisioner.jobs import queue
from provisioner.security.actors import Actor, Right
from provisioner.timeline import audit


@dataclass(frozen=True, slots=True)
class CancelJob:
    """A job by its number."""

    number: int


def cancel_job(appliance: Appliance, actor: Actor, wish: CancelJob) -> None:
    """End the job. Raises ForbiddenError, NotFoundError, and ConflictError if it has ended."""
    actor.require(Right.JOBS)
    now = appliance.now()
    with appliance.database.write() as session:
        row = queue.find_job(session, wish.number)
        queue.cancel(row, now)
        audit.note(session, actor.name, "job cancel", f"{wish.number} on {row.host.name}", now)
