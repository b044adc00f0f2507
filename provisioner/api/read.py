"""What programs may read, as the administrator: hosts, jobs, the timeline. Changes nothing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select

from provisioner.api.auth import Administrator
from provisioner.api.services import MAX_NUMBER, Number, Served
from provisioner.hosts import registry
from provisioner.hosts.names import parse_mac
from provisioner.hosts.registry import ObservedView
from provisioner.jobs import overview, queue
from provisioner.jobs.views import HostView, JobView, LogView
from provisioner.timeline import events
from provisioner.timeline.audit import AuditEntry, list_audit
from provisioner.timeline.events import EventView

public = APIRouter(prefix="/api/v1", tags=["read"])
router = APIRouter(prefix="/api/v1", tags=["read"], dependencies=[Administrator])


@public.get("/health")
def health(served: Served) -> dict[str, str]:
    """Whether this process answers and its database does. Needs no login; tells nothing else."""
    with served.database.read() as session:
        session.execute(select(1))
    return {"status": "ok"}


@router.get("/hosts")
def list_hosts(served: Served) -> list[HostView]:
    """All hosts by name, each with its latest job."""
    return overview.list_hosts(served.database, served.config.contact.attempts)


@router.get("/hosts/{name}")
def get_host(name: str, served: Served) -> HostView:
    """One host by name or alias."""
    return overview.get_host(served.database, name, served.config.contact.attempts)


@router.get("/observed")
def list_observed(served: Served) -> list[ObservedView]:
    """Machines that asked and are not added."""
    return registry.list_observed(served.database)


@router.get("/jobs")
def list_jobs(
    served: Served, host: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[JobView]:
    """The latest jobs, newest first; of one host if named."""
    return queue.list_jobs(served.database, host, limit)


@router.get("/jobs/{number}")
def get_job(number: Number, served: Served) -> JobView:
    """One job with its steps."""
    return queue.get_job(served.database, number)


@router.get("/jobs/{number}/log")
def get_log(number: Number, served: Served) -> list[LogView]:
    """What the agents of a job said, oldest first."""
    return queue.get_log(served.database, number)


@router.get("/events")
def list_events(
    served: Served,
    mac: str | None = None,
    after: Annotated[int, Query(ge=0, le=MAX_NUMBER)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> list[EventView]:
    """The timeline, oldest first: what came after an event's number, of one machine if named."""
    return events.list_events(served.database, parse_mac(mac) if mac else None, after=after, limit=limit)


@router.get("/audit")
def list_changes(served: Served, limit: Annotated[int, Query(ge=1, le=10_000)] = 100) -> list[AuditEntry]:
    """Who changed what, the latest first."""
    return list_audit(served.database, limit)
