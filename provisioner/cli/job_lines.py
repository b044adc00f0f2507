"""Jobs in one line each, for the tables of several commands. Pure."""

from __future__ import annotations

from provisioner.base.units import binary, duration
from provisioner.jobs.life import ENDED
from provisioner.jobs.progress import progress_of
from provisioner.jobs.views import JobView


def job_line(job: JobView | None) -> str:
    """``job 7 restore: running``; empty without a job."""
    return f"job {job.id} {job.profile}: {job.state}" if job else ""


def progress_line(job: JobView) -> str:
    """``write image 42 % 118.2 MiB/s 1 min 05 s left``, or how the job ended."""
    if job.state in ENDED or not job.steps:
        return job.error
    now = progress_of(job)
    parts = [now.stage, f"{now.fraction * 100:.0f} %"]
    parts += [f"{binary(now.rate)}/s"] if now.rate else []
    parts += [f"{duration(now.left)} left"] if now.left else []
    return " ".join(parts)
