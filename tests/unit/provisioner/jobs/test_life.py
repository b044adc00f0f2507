"""The life of a job."""

from __future__ import annotations

import itertools

import pytest

from provisioner.jobs.life import ACTIVE, ENDED, TABLE, IllegalTransitionError, JobEvent, JobState, next_state


@pytest.mark.parametrize(("state", "event"), list(itertools.product(JobState, JobEvent)))
def test_every_pair_is_in_the_table_or_raises(state: JobState, event: JobEvent) -> None:
    """A pair that the table does not have raises, naming both."""
    if (state, event) in TABLE:
        assert next_state(state, event) is TABLE[state, event]
    else:
        with pytest.raises(IllegalTransitionError, match=f"{state}.*{event}"):
            next_state(state, event)


def test_the_end_is_final() -> None:
    """Nothing leads out of a state that counts as ended, and every other state can be left by cancelling."""
    assert not any(state in ENDED for state, _ in TABLE)
    assert all(next_state(state, JobEvent.CANCEL) is JobState.CANCELLED for state in ACTIVE)


def test_silence_is_taken_back() -> None:
    """A stalled job runs again as soon as its agent speaks."""
    stalled = next_state(JobState.RUNNING, JobEvent.SILENCE)
    assert next_state(stalled, JobEvent.REPORT) is JobState.RUNNING
    assert next_state(stalled, JobEvent.SUCCEED) is JobState.SUCCEEDED
