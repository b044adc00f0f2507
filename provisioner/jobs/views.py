"""What is read from the database, as plain values: one shape for the API, the pages and ``--json``.

Made while the transaction is open, so nobody outside the repositories ever holds a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from provisioner.database import tables
from provisioner.jobs.life import State


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
    """A job as people see it. ``document`` is the wire job that the agent gets."""

    id: int
    host: str
    profile: str
    action: str
    state: State
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


@dataclass(frozen=True, slots=True)
class HostView:
    """A host with its latest job."""

    name: str
    macs: tuple[str, ...]
    aliases: tuple[str, ...]
    uuid: str
    serial: str
    firmware: str
    address: str
    profile: str
    last_seen: float | None
    phoned_home: float | None
    phoned_home_as: str
    inventory: dict[str, Any] | None
    job: JobView | None


@dataclass(frozen=True, slots=True)
class ObservedView:
    """A machine that asked and that nobody has added yet."""

    mac: str
    address: str
    detail: str
    first_seen: float
    last_seen: float
    times: int


@dataclass(frozen=True, slots=True)
class EventView:
    """One entry of the timeline."""

    id: int
    at: float
    kind: str
    mac: str
    address: str
    detail: str


def step_view(row: tables.Step) -> StepView:
    """A step's row as a value."""
    return StepView(
        row.name, row.title, row.state, row.done, row.total, row.started, row.heard, row.ended, row.detail
    )


def job_view(row: tables.Job) -> JobView:
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
    )


def host_view(row: tables.Host, job: tables.Job | None) -> HostView:
    """A host's row as a value; ``job`` is its latest."""
    return HostView(
        name=row.name,
        macs=tuple(mac.mac for mac in row.macs),
        aliases=tuple(alias.name for alias in row.aliases),
        uuid=row.uuid,
        serial=row.serial,
        firmware=row.firmware,
        address=row.address,
        profile=row.profile,
        last_seen=row.last_seen,
        phoned_home=row.phoned_home,
        phoned_home_as=row.phoned_home_as,
        inventory=row.inventory,
        job=job_view(job) if job else None,
    )


def observed_view(row: tables.Observed) -> ObservedView:
    """An observed machine's row as a value."""
    return ObservedView(row.mac, row.address, row.detail, row.first_seen, row.last_seen, row.times)


def event_view(row: tables.Event) -> EventView:
    """An event's row as a value."""
    return EventView(row.id, row.at, row.kind, row.mac, row.address, row.detail)
