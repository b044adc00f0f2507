"""Hosts with what they do: read together, for people and programs."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from provisioner.database.engine import Database
from provisioner.hosts.names import natural
from provisioner.hosts.registry import find_host
from provisioner.hosts.tables import Host
from provisioner.jobs.next_boot import next_boot
from provisioner.jobs.tables import Job
from provisioner.jobs.views import HostView, job_view


def get_host(database: Database, name: str, attempts: int) -> HostView:
    """The host of that name or alias; a job may be started ``attempts`` times. Raises NotFoundError."""
    with database.read() as session:
        row = find_host(session, name)
        return _view(row, _latest_jobs(session, row.id).get(row.id), attempts)


def list_hosts(database: Database, attempts: int) -> list[HostView]:
    """All hosts by name as people count, each with its latest job."""
    with database.read() as session:
        jobs = _latest_jobs(session)
        rows = sorted(session.scalars(select(Host)), key=lambda row: natural(row.name))
        return [_view(row, jobs.get(row.id), attempts) for row in rows]


def host_names(database: Database) -> list[str]:
    """All hosts' names, as people count."""
    with database.read() as session:
        return sorted(session.scalars(select(Host.name)), key=natural)


def _latest_jobs(session: Session, host_id: int | None = None) -> dict[int, Job]:
    latest = select(func.max(Job.id)).group_by(Job.host_id)
    if host_id is not None:
        latest = latest.where(Job.host_id == host_id)
    return {job.host_id: job for job in session.scalars(select(Job).where(Job.id.in_(latest)))}


def _view(row: Host, job: Job | None, attempts: int) -> HostView:
    return HostView(
        name=row.name,
        macs=tuple(mac.mac for mac in row.macs),
        aliases=tuple(alias.name for alias in row.aliases),
        uuid=row.uuid,
        serial=row.serial,
        firmware=row.firmware,
        address=row.address,
        next_boot=next_boot(job, attempts).profile,
        last_seen=row.last_seen,
        phoned_home=row.phoned_home,
        phoned_home_as=row.phoned_home_as,
        inventory=row.inventory,
        job=job_view(job) if job else None,
    )
