"""What is thought of a job that nobody reports on."""

from __future__ import annotations

import pytest

from provisioner.base.config import Contact
from provisioner.jobs.heartbeat import judge
from provisioner.jobs.life import Event, State

POLICY = Contact(stalled_minutes=10, interrupted_minutes=60, attempts=3)


@pytest.mark.parametrize(
    ("state", "minutes", "attempts", "event"),
    [
        (State.RUNNING, 9, 1, None),
        (State.RUNNING, 10, 1, Event.SILENCE),
        (State.RUNNING, 600, 3, Event.SILENCE),
        (State.STALLED, 600, 2, None),
        (State.STALLED, 59, 3, None),
        (State.STALLED, 60, 3, Event.EXHAUST),
        (State.QUEUED, 6000, 0, None),
    ],
)
def test_judge(state: State, minutes: int, attempts: int, event: Event | None) -> None:
    """First it is stalled; it is given up only when no attempt is left and it is silent for long."""
    verdict = judge(state, minutes * 60.0, attempts, POLICY)
    assert (verdict.event if verdict else None) == event
    assert verdict is None or (verdict.error and verdict.hint)
