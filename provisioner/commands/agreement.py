"""Agreeing to end jobs that machines have begun: asked before anything changes, refused unless it is given.

The question is asked outside of a transaction: a person takes minutes to answer, and the database has one
writer. So what was agreed to is compared with what is there when the change is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from provisioner.base.errors import ConflictError
from provisioner.jobs.unfinished import Unfinished

Agree = Callable[[tuple[Unfinished, ...]], None]
"""Returns if these jobs may be ended now; raises otherwise."""


def refuse(jobs: tuple[Unfinished, ...]) -> None:
    """The answer of who was not asked. Raises ConflictError."""
    raise ConflictError(
        "; ".join(map(str, jobs)),
        "nothing was changed. Wait until it has ended; or add --yes: the disk then stays as it is now",
    )


def consent(jobs: tuple[Unfinished, ...]) -> None:
    """The answer of who has agreed beforehand."""
    del jobs


def ask_for(jobs: Iterable[Unfinished | None], agree: Agree) -> frozenset[int]:
    """Ask, if there is anything to ask about; the numbers of the jobs that may be ended."""
    found = tuple(job for job in jobs if job is not None)
    if found:
        agree(found)
    return frozenset(job.job for job in found)


def hold_to(agreed: frozenset[int], job: Unfinished | None) -> None:
    """Raises ConflictError for a job that has begun since the question was asked."""
    if job is not None and job.job not in agreed:
        raise ConflictError(f"meanwhile {job}", "nothing was changed; try again, and read what it says then")
