"""How far a job is, in words and numbers."""

from __future__ import annotations

from dataclasses import replace

from provisioner.jobs.heartbeat import SILENT
from provisioner.jobs.life import JobState
from provisioner.jobs.progress import progress_of
from provisioner.jobs.views import JobView, StepView

NOW = 1000.0


def step(name: str, state: str, done: int = 0, total: int = 0, *, heard: float = 20.0) -> StepView:
    """A step that began in second 10."""
    return StepView(name, name.title(), state, done, total, 10.0, heard, None, "")


def job(state: JobState, *steps: StepView) -> JobView:
    """A job with these steps."""
    return JobView(1, "pc1", "class", "restore", state, 1, 0.0, 0.0, NOW, None, "", "", steps, None, {})


def test_bytes_of_the_current_step() -> None:
    """Fraction, rate and time left are those of the step that moves bytes."""
    now = progress_of(
        job(JobState.RUNNING, step("check", "finished"), step("write", "started", 250, 1000)), NOW
    )
    assert (now.stage, now.fraction, now.rate, now.left) == ("Write", 0.25, 25.0, 30.0)


def test_steps_without_bytes() -> None:
    """Without bytes the finished steps are counted."""
    now = progress_of(job(JobState.RUNNING, step("a", "finished"), step("b", "started")), NOW)
    assert (now.stage, now.fraction, now.left) == ("B", 0.5, 0.0)


def test_before_and_between() -> None:
    """A job that waits, one between two steps, one that is through."""
    assert "next network boot" in progress_of(job(JobState.QUEUED), NOW).stage
    assert (
        progress_of(job(JobState.RUNNING, step("a", "finished"), step("b", "planned")), NOW).stage
        == "between steps"
    )
    assert progress_of(job(JobState.SUCCEEDED, step("a", "finished")), NOW).stage == "done"


def test_no_time_has_passed() -> None:
    """Two reports at the same instant give no rate instead of an endless one."""
    now = progress_of(job(JobState.RUNNING, step("write", "started", 5, 10, heard=10.0)), NOW)
    assert (now.rate, now.left) == (0.0, 0.0)


def test_of_a_silent_agent_no_speed_and_no_time_left_is_said() -> None:
    """It may be dead: how far it came is known, not how fast it is."""
    running = job(JobState.RUNNING, step("write", "started", 250, 1000))
    assert progress_of(running, NOW + SILENT - 1).rate == 25.0
    for now, state in ((NOW + SILENT, JobState.RUNNING), (NOW, JobState.STALLED)):
        far = progress_of(replace(running, state=state), now)
        assert (far.fraction, far.rate, far.left) == (0.25, 0.0, 0.0)
