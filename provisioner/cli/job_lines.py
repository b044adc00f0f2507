"""Jobs in one line each, for the tables of several commands. Pure."""

from __future__ import annotations

from provisioner.base.config import Contact
from provisioner.base.units import binary, duration
from provisioner.jobs.life import ENDED
from provisioner.jobs.progress import progress_of
from provisioner.jobs.standing import standing
from provisioner.jobs.views import JobView


def job_line(job: JobView | None) -> str:
    """``job 7 restore: running``; empty without a job."""
    return f"job {job.id} {job.profile}: {job.state}" if job else ""


def progress_line(job: JobView, now: float, policy: Contact) -> str:
    """``write image 42 % 118.2 MiB/s 1 min 05 s left``, or how the job ended; and what is not known yet."""
    note = standing(job, now, policy).note
    if job.state in ENDED or not job.steps:
        return job.error or note
    far = progress_of(job, now)
    parts = [far.stage, f"{far.fraction * 100:.0f} %"]
    parts += [f"{binary(far.rate)}/s"] if far.rate else []
    parts += [f"{duration(far.left)} left"] if far.left else []
    return " ".join([*parts, *([f"· {note}"] if note else [])])
