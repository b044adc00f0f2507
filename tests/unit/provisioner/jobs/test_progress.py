"""How far a job is, in words and numbers."""

from __future__ import annotations

import pytest

from provisioner.jobs import progress
from provisioner.jobs.life import State
from provisioner.jobs.views import JobView, StepView


def step(name: str, state: str, done: int = 0, total: int = 0, *, heard: float = 20.0) -> StepView:
    """A step that began in second 10."""
    return StepView(name, name.title(), state, done, total, 10.0, heard, None, "")


def job(state: State, *steps: StepView) -> JobView:
    """A job with these steps."""
    return JobView(1, "pc1", "class", "restore", state, 1, 0.0, 0.0, 0.0, None, "", "", steps, None, {})


def test_bytes_of_the_current_step() -> None:
    """Fraction, rate and time left are those of the step that moves bytes."""
    now = progress.of(job(State.RUNNING, step("check", "finished"), step("write", "started", 250, 1000)))
    assert (now.stage, now.fraction, now.rate, now.left) == ("Write", 0.25, 25.0, 30.0)


def test_steps_without_bytes() -> None:
    """Without bytes the finished steps are counted."""
    now = progress.of(job(State.RUNNING, step("a", "finished"), step("b", "started")))
    assert (now.stage, now.fraction, now.left) == ("B", 0.5, 0.0)


def test_before_and_between() -> None:
    """A job that waits, one between two steps, one that is through."""
    assert "next network boot" in progress.of(job(State.QUEUED)).stage
    assert (
        progress.of(job(State.RUNNING, step("a", "finished"), step("b", "planned"))).stage == "between steps"
    )
    assert progress.of(job(State.SUCCEEDED, step("a", "finished"))).stage == "done"


def test_no_time_has_passed() -> None:
    """Two reports at the same instant give no rate instead of an endless one."""
    now = progress.of(job(State.RUNNING, step("write", "started", 5, 10, heard=10.0)))
    assert (now.rate, now.left) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (999_949, "1.0 MB"), (10**13, "10.0 TB")],
)
def test_bytes(count: float, text: str) -> None:
    """Decimal units, never four digits before the point."""
    assert progress.human_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (65, "1 min 05 s"), (3725, "1 h 02 min")]
)
def test_seconds(seconds: float, text: str) -> None:
    """As people say it."""
    assert progress.human_seconds(seconds) == text
