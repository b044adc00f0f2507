"""What a host does at its next network boot: the one answer, for the booter, the agent's contact and people.

Asked many times during one boot, so it only reads. Attempts are counted at the agent's contact. A host
whose job was started as often as is allowed starts from its own disk: no machine boots in a loop.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from provisioner.database.engine import Database
from provisioner.hosts.tables import Mac
from provisioner.jobs.life import ACTIVE
from provisioner.jobs.tables import Job

LOCAL = "local"
"""What a host without a job does: it starts from its own disk."""


@dataclass(frozen=True, slots=True)
class NextBoot:
    """The profile that is followed, and the number of its job; None starts from the own disk."""

    profile: str = LOCAL
    job: int | None = None


def next_boot(job: Job | None, attempts: int) -> NextBoot:
    """What a host does whose latest job is ``job``; ``attempts`` is how often one may be started."""
    if job is None or job.state not in ACTIVE or job.attempts >= attempts:
        return NextBoot()
    return NextBoot(job.profile, job.id)


def next_boot_of(database: Database, mac: str, attempts: int) -> NextBoot | None:
    """The same for the host with that MAC; None if it belongs to no host."""
    with database.read() as session:
        host = session.scalar(select(Mac.host_id).where(Mac.mac == mac))
        if host is None:
            return None
        query = select(Job).where(Job.host_id == host).order_by(Job.id.desc()).limit(1)
        return next_boot(session.scalars(query).first(), attempts)
