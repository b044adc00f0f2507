"""The life of a job, as a table.

Pure. A pair that is not in the table raises and changes nothing. ``STALLED`` is
a guess (no report came for a while) and is taken back by the next word from the
agent; everything in ``ENDED`` is final.
"""

from __future__ import annotations

from enum import StrEnum

from provisioner.base.errors import ConflictError


class JobState(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    STALLED = "stalled"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"


class JobEvent(StrEnum):
    """What happens to a job. CONTACT is the start of an attempt; EXHAUST means no attempt is left."""

    CONTACT = "contact"
    REPORT = "report"
    SUCCEED = "succeed"
    FAIL = "fail"
    SILENCE = "silence"
    EXHAUST = "exhaust"
    CANCEL = "cancel"


TABLE: dict[tuple[JobState, JobEvent], JobState] = {
    (JobState.QUEUED, JobEvent.CONTACT): JobState.RUNNING,
    (JobState.QUEUED, JobEvent.CANCEL): JobState.CANCELLED,
    (JobState.RUNNING, JobEvent.CONTACT): JobState.RUNNING,
    (JobState.RUNNING, JobEvent.REPORT): JobState.RUNNING,
    (JobState.RUNNING, JobEvent.SUCCEED): JobState.SUCCEEDED,
    (JobState.RUNNING, JobEvent.FAIL): JobState.FAILED,
    (JobState.RUNNING, JobEvent.SILENCE): JobState.STALLED,
    (JobState.RUNNING, JobEvent.CANCEL): JobState.CANCELLED,
    (JobState.STALLED, JobEvent.CONTACT): JobState.RUNNING,
    (JobState.STALLED, JobEvent.REPORT): JobState.RUNNING,
    (JobState.STALLED, JobEvent.SUCCEED): JobState.SUCCEEDED,
    (JobState.STALLED, JobEvent.FAIL): JobState.FAILED,
    (JobState.STALLED, JobEvent.EXHAUST): JobState.INTERRUPTED,
    (JobState.STALLED, JobEvent.CANCEL): JobState.CANCELLED,
}

ACTIVE = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.STALLED})
"""States of a job that its host still has to do something for; a host has at most one such job."""
ENDED = frozenset(JobState) - ACTIVE


class IllegalTransitionError(ConflictError):
    """What was asked of a job does not fit the state it is in."""


def next_state(state: JobState, event: JobEvent) -> JobState:
    """The state after ``event``. Raises IllegalTransitionError, naming both, where the table has none."""
    try:
        return TABLE[state, event]
    except KeyError as error:
        raise IllegalTransitionError(
            f"a job that is {state} cannot {event}", "see it with 'clonesys job show ID'"
        ) from error
