"""How far a job is, in the words and numbers that people watch. Pure; shared by pages and command line."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.jobs.heartbeat import silent_since
from provisioner.jobs.views import JobView, StepView


@dataclass(frozen=True, slots=True)
class JobProgress:
    """Where a job is. ``rate`` (bytes/s) and ``left`` (seconds) are the current step's; 0 is unknown.

    ``fraction`` is of the current step where that moves bytes, else of the finished steps; 0 to 1.
    """

    stage: str
    fraction: float
    rate: float = 0.0
    left: float = 0.0


def progress_of(job: JobView, now: float) -> JobProgress:
    """The progress of ``job``. While its agent is silent, nothing is said of speed and time left."""
    if not job.steps:
        return JobProgress(
            "waits for its next network boot" if job.state == "queued" else str(job.state), 0.0
        )
    finished = sum(step.state == "finished" for step in job.steps)
    current = next((step for step in job.steps if step.state in {"started", "failed"}), None)
    if current is None:
        stage = "done" if finished == len(job.steps) else "between steps"
        return JobProgress(stage, finished / len(job.steps))
    if not current.total:
        return JobProgress(current.title or current.name, finished / len(job.steps))
    rate = 0.0 if silent_since(job.state, job.heard, now) is not None else _rate(current)
    left = (current.total - current.done) / rate if rate else 0.0
    return JobProgress(
        current.title or current.name, min(1.0, current.done / current.total), rate, max(0.0, left)
    )


def _rate(step: StepView) -> float:
    if step.started is None or step.heard is None or step.heard <= step.started:
        return 0.0
    return step.done / (step.heard - step.started)
