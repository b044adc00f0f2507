"""The life of a job, as a table.

Pure. A pair that is not in the table raises and changes nothing. ``STALLED`` is
a guess (nobody reported for a while) and is taken back by the next word from the
agent; everything in ``ENDED`` is final.
"""

from __future__ import annotations

from enum import StrEnum

from provisioner.base.errors import ConflictError


class State(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    STALLED = "stalled"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What happens to a job. CONTACT is the start of an attempt; EXHAUST means no attempt is left."""

    CONTACT = "contact"
    REPORT = "report"
    SUCCEED = "succeed"
    FAIL = "fail"
    SILENCE = "silence"
    EXHAUST = "exhaust"
    CANCEL = "cancel"


TABLE: dict[tuple[State, Event], State] = {
    (State.QUEUED, Event.CONTACT): State.RUNNING,
    (State.QUEUED, Event.CANCEL): State.CANCELLED,
    (State.RUNNING, Event.CONTACT): State.RUNNING,
    (State.RUNNING, Event.REPORT): State.RUNNING,
    (State.RUNNING, Event.SUCCEED): State.SUCCEEDED,
    (State.RUNNING, Event.FAIL): State.FAILED,
    (State.RUNNING, Event.SILENCE): State.STALLED,
    (State.RUNNING, Event.CANCEL): State.CANCELLED,
    (State.STALLED, Event.CONTACT): State.RUNNING,
    (State.STALLED, Event.REPORT): State.RUNNING,
    (State.STALLED, Event.SUCCEED): State.SUCCEEDED,
    (State.STALLED, Event.FAIL): State.FAILED,
    (State.STALLED, Event.EXHAUST): State.INTERRUPTED,
    (State.STALLED, Event.CANCEL): State.CANCELLED,
}

ACTIVE = frozenset({State.QUEUED, State.RUNNING, State.STALLED})
"""States of a job that its host still has to do something for; a host has at most one such job."""
ENDED = frozenset(State) - ACTIVE


class IllegalTransitionError(ConflictError):
    """What was asked of a job does not fit the state it is in."""


def next_state(state: State, event: Event) -> State:
    """The state after ``event``. Raises IllegalTransitionError, naming both, where the table has none."""
    try:
        return TABLE[state, event]
    except KeyError as error:
        raise IllegalTransitionError(
            f"a job that is {state} cannot {event}", "see it with 'clonesys job show ID'"
        ) from error
