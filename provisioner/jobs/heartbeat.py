"""When an agent counts as silent, its job as stalled, and when as interrupted. Pure.

A silent agent may be waiting for us (we were down), may have lost its power, or
may be dead. So a job is first *stalled*, which its next word takes back; it is
given up only when it is silent for long and has no attempt left.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.base.config import Contact
from provisioner.jobs.life import JobEvent, JobState

SILENT = 35.0
"""Seconds without a report after which an agent is called silent: it sends one every ten."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to the job, and how it is said."""

    event: JobEvent
    error: str
    hint: str


def silent_since(state: JobState, heard: float | None, now: float) -> float | None:
    """When a started job was last heard of, if reports of its agent are missing since; else None."""
    if state not in {JobState.RUNNING, JobState.STALLED} or heard is None:
        return None
    return heard if state is JobState.STALLED or now - heard >= SILENT else None


def check(state: JobState, silent: float, attempts: int, policy: Contact) -> Verdict | None:
    """The verdict on a started job that has been silent for so many seconds; None to leave it alone."""
    minutes = int(silent // 60)
    if state is JobState.RUNNING and minutes >= policy.stalled_minutes:
        return Verdict(
            JobEvent.SILENCE,
            f"no word from the agent for {minutes} minutes",
            "look at the machine's console; when it is started from the network again, the job continues",
        )
    if state is JobState.STALLED and attempts >= policy.attempts and minutes >= policy.interrupted_minutes:
        return Verdict(
            JobEvent.EXHAUST,
            f"started {attempts} times and never finished; silent for {minutes} minutes",
            "look at the log for the step it died in, then assign the profile again",
        )
    return None
