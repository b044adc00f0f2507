"""What a host does at its next network boot: the one answer, for the booter, the agent's contact and people.

Asked many times during one boot, so it only reads. Attempts are counted at the agent's contact. A host
whose job was started as often as is allowed starts from its own disk: no machine boots in a loop.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

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


def next_boots(database: Database, attempts: int) -> dict[str, NextBoot]:
    """The same for every MAC of every host."""
    latest = select(func.max(Job.id)).group_by(Job.host_id)
    query = select(Job.host_id, Job.profile, Job.id).where(
        Job.id.in_(latest), Job.state.in_(ACTIVE), Job.attempts < attempts
    )
    with database.read() as session:
        waiting = {host: NextBoot(profile, job) for host, profile, job in session.execute(query)}
        macs = session.execute(select(Mac.mac, Mac.host_id)).all()
    nothing = NextBoot()
    return {mac: waiting.get(host, nothing) for mac, host in macs}
