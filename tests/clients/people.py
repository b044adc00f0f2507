"""What an administrator asks of an appliance's state, by the same commands, in one line for tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from initramfs import messages
from provisioner.commands.agreement import consent
from provisioner.commands.appliance import Appliance
from provisioner.commands.host import add as adding
from provisioner.commands.host import remove as removing
from provisioner.commands.job import cancel as cancelling
from provisioner.database.engine import Database
from provisioner.hosts.registry import find_host
from provisioner.jobs import overview, queue
from provisioner.jobs.views import HostView
from provisioner.security.actors import Actor, Role

ADMIN = Actor("test", Role.ADMINISTRATOR)
OBSERVER = Actor("guest", Role.OBSERVER)
ATTEMPTS = 3
"""How often a job may be started, as an appliance has it without configuration."""


def at(database: Database, now: float) -> Appliance:
    """An appliance of which only the state is asked, at a time."""
    return Appliance(Path("/nonexistent"), lambda: now, database)


def add_host(
    database: Database, name: str, macs: Iterable[str], *, aliases: Iterable[str] = (), now: float
) -> None:
    """``host add``."""
    adding.add_host(at(database, now), ADMIN, adding.AddHost(name, tuple(macs), tuple(aliases)))


def remove_host(database: Database, name: str, *, now: float) -> None:
    """``host rm``, agreed to whatever its machine does."""
    removing.remove_hosts(at(database, now), ADMIN, removing.RemoveHosts((name,)), agree=consent)


def queue_job(database: Database, host: str, job: messages.Job, *, now: float) -> int:
    """What ``host set`` does once a profile has become a job; its number."""
    with database.write() as session:
        return queue.queue_job(session, find_host(session, host), job, now).id


def set_local(database: Database, host: str, *, now: float) -> None:
    """What ``host set --profile local`` does."""
    with database.write() as session:
        queue.clear(session, find_host(session, host), now)


def cancel_job(database: Database, number: int, *, now: float) -> None:
    """``job cancel``, agreed to whatever its machine does."""
    cancelling.cancel_jobs(at(database, now), ADMIN, cancelling.CancelJobs((number,)), agree=consent)


def get_host(database: Database, name: str) -> HostView:
    """``host show``."""
    return overview.get_host(database, name, ATTEMPTS)


def list_hosts(database: Database) -> list[HostView]:
    """``host list``."""
    return overview.list_hosts(database, ATTEMPTS)
