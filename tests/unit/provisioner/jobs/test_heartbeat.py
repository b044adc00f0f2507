"""What is thought of a job that nobody reports on."""

from __future__ import annotations

import pytest

from provisioner.base.config import Contact
from provisioner.jobs.heartbeat import check
from provisioner.jobs.life import JobEvent, JobState

POLICY = Contact(stalled_minutes=10, interrupted_minutes=60, attempts=3)


@pytest.mark.parametrize(
    ("state", "minutes", "attempts", "event"),
    [
        (JobState.RUNNING, 9, 1, None),
        (JobState.RUNNING, 10, 1, JobEvent.SILENCE),
        (JobState.RUNNING, 600, 3, JobEvent.SILENCE),
        (JobState.STALLED, 600, 2, None),
        (JobState.STALLED, 59, 3, None),
        (JobState.STALLED, 60, 3, JobEvent.EXHAUST),
        (JobState.QUEUED, 6000, 0, None),
    ],
)
def test_a_silent_job(state: JobState, minutes: int, attempts: int, event: JobEvent | None) -> None:
    """First it is stalled; it is given up only when no attempt is left and it is silent for long."""
    verdict = check(state, minutes * 60.0, attempts, POLICY)
    assert (verdict.event if verdict else None) == event
    assert verdict is None or (verdict.error and verdict.hint)
