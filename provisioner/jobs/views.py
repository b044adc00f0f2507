"""What is read from the database, as plain values: one shape for the API, the pages and ``--json``.

Made while the transaction is open: no row leaves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from provisioner.jobs.life import JobState
from provisioner.jobs.tables import Job, Step


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a job; ``done`` and ``total`` are bytes, or 0. Times are the agent's clock."""

    name: str
    title: str
    state: str
    done: int
    total: int
    started: float | None
    heard: float | None
    ended: float | None
    detail: str


@dataclass(frozen=True, slots=True)
class LogView:
    """One line an agent said."""

    attempt: int
    at: float
    step: str
    state: str
    text: str


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as people see it. ``document`` is the wire job that the agent gets, ``made_by`` who gave it.

    ``up`` is when the system that it wrote has first phoned home. ``latest``: no job of its host followed.
    """

    id: int
    host: str
    profile: str
    action: str
    state: JobState
    attempts: int
    created: float
    started: float | None
    heard: float | None
    ended: float | None
    error: str
    hint: str
    steps: tuple[StepView, ...]
    receipt: dict[str, Any] | None
    document: dict[str, Any]
    made_by: str = ""
    up: float | None = None
    latest: bool = True


@dataclass(frozen=True, slots=True)
class HostView:
    """A host with its latest job. ``next_boot`` is the profile it follows at its next network boot."""

    name: str
    macs: tuple[str, ...]
    aliases: tuple[str, ...]
    uuid: str
    serial: str
    firmware: str
    address: str
    next_boot: str
    last_seen: float | None
    phoned_home: float | None
    phoned_home_as: str
    inventory: dict[str, Any] | None
    job: JobView | None


def step_view(row: Step) -> StepView:
    """A step's row as a value."""
    return StepView(
        row.name, row.title, row.state, row.done, row.total, row.started, row.heard, row.ended, row.detail
    )


def job_view(row: Job, *, latest: bool = True) -> JobView:
    """A job's row as a value, with its steps and without its log."""
    return JobView(
        id=row.id,
        host=row.host.name,
        profile=row.profile,
        action=row.action,
        state=row.state,
        attempts=row.attempts,
        created=row.created,
        started=row.started,
        heard=row.heard,
        ended=row.ended,
        error=row.error,
        hint=row.hint,
        steps=tuple(step_view(step) for step in row.steps),
        receipt=row.receipt,
        document=row.document,
        made_by=row.made_by,
        up=row.up,
        latest=latest,
    )
