"""The first word of an agent, and of an installed system; whether an agent may speak for its job later.

Each is one transaction. The contact is where a one-shot profile is consumed and an attempt is counted;
nothing before it (offers, scripts, downloads) changes anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, assert_never

from sqlalchemy.orm import Session

from initramfs import messages
from provisioner.base import config
from provisioner.base.clock import Moment
from provisioner.base.errors import ConflictError, InvalidError
from provisioner.base.text import line
from provisioner.database.engine import Database
from provisioner.hosts.registry import Machine, claim_address, find_by_mac, observe
from provisioner.hosts.tables import Host
from provisioner.jobs.life import ACTIVE, JobEvent, JobState, next_state
from provisioner.jobs.next_boot import next_boot
from provisioner.jobs.queue import active_job, find_job, from_document
from provisioner.jobs.tables import Job
from provisioner.security.nonces import Nonce, NonceError, check_age
from provisioner.security.tokens import (
    AGENT_LIFETIME,
    PHONE_HOME_LIFETIME,
    ForeignTokenError,
    Purpose,
    check,
    issue,
    use_nonce,
)
from provisioner.timeline import events

OLD_AGENT = "make the machine's initramfs anew with 'clonesys initramfs build', and start it again"


class UnknownHostError(NonceError):
    """The nonce is good, but its machine belongs to no host any more."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What a contact brought: the host's name, the tokens, and the job of this attempt, if any."""

    host: str
    token: str
    job: messages.Job | None
    attempt: int = 0
    phone_home_token: str = ""


def admit(
    database: Database,
    nonce: Nonce,
    contact: messages.Contact,
    *,
    address: str,
    now: Moment,
    policy: config.Contact,
) -> Admission:
    """Take a contact: use up the nonce, keep the inventory, start the next attempt of the host's job.

    The attempt belongs to the key that the contact tells. The same agent may repeat its contact while its
    attempt runs, and gets a new token for it. A job that was started ``policy.attempts`` times already
    is not given out again. Raises InvalidError for an agent that could not read its job, NonceError,
    NonceUsedError, and UnknownHostError after the machine has been put among the observed.
    """
    if contact.protocol != messages.PROTOCOL:
        raise InvalidError(
            f"the agent speaks protocol {contact.protocol}, this appliance {messages.PROTOCOL}", (), OLD_AGENT
        )
    with database.write() as session:
        host = find_by_mac(session, nonce.mac)
        if host is not None:
            fresh = use_nonce(session, nonce, contact.challenge, contact.host_key, now.wall)
            if fresh:
                check_age(nonce, now, policy.nonce_minutes * 60)
            _remember(session, host, contact.inventory, address, now.wall)
            if fresh:
                job = _next_attempt(session, host, contact.host_key, policy.attempts, now.wall)
            else:
                job = _same_attempt(session, host, contact.host_key)
            return _admission(session, host, job, nonce.mac, address=address, now=now.wall)
        system = contact.inventory.system
        machine = Machine(system.vendor, system.product, system.serial, system.uuid)
        observe(session, nonce.mac, address, "contact without a host", now.wall, machine=machine)
    raise UnknownHostError(f"no host has the MAC {nonce.mac}", "add it with 'clonesys host add'")


def with_phone_home(job: messages.Job, url: str, token: str) -> messages.Job:
    """The job with the address to phone home to, where its profile asked for one.

    Only now is it known: the token is kept as a hash, and the agent has just used that address.
    """
    work = job.work
    match work:
        case messages.Install() | messages.RestorePartitions():
            person = work.personalisation
        case messages.Backup() | messages.TakeInventory() | messages.Rescue():
            return job
        case _:
            assert_never(work)
    if person is None or not person.phone_home_url:
        return job
    told = replace(person, phone_home_url=url, phone_home_token=token)
    return replace(job, work=replace(work, personalisation=told))


def authorise(database: Database, token: str, now: float) -> None:
    """Let an agent read. Raises TokenError, ForeignTokenError."""
    with database.read() as session:
        check(session, token, Purpose.AGENT, now)


def authorise_job(database: Database, token: str, number: int, now: float) -> None:
    """Look whether an agent may speak for a job, before it is listened to. Raises as authorised_job does."""
    with database.read() as session:
        authorised_job(session, token, number, now)


@dataclass(frozen=True, slots=True)
class BackingUp:
    """A running backup: which host's, and the names of the images it may add. ``owner`` names its upload."""

    number: int
    host: str
    images: frozenset[str]

    @property
    def owner(self) -> str:
        """Unlike any other upload's."""
        return f"job-{self.number}"


def authorise_backup(database: Database, token: str, now: float) -> BackingUp:
    """Let the agent of a running backup send. Raises TokenError, ForeignTokenError, ConflictError."""
    with database.read() as session:
        number = check(session, token, Purpose.AGENT, now).job_id
        if number is None:
            raise ForeignTokenError("the token is for no job")
        row, _ = authorised_job(session, token, number, now)
        work = from_document(row.document).work
        if not isinstance(work, messages.Backup) or row.state not in ACTIVE:
            raise ForeignTokenError(f"job {number} is no running backup", "this agent should stop")
        return BackingUp(number, row.host.name, frozenset(work.names()))


def authorised_job(session: Session, token: str, number: int, now: float) -> tuple[Job, str]:
    """The row of a job and the MAC, for the token of its current attempt.

    Raises TokenError, ForeignTokenError, and ConflictError when this agent should stop.
    """
    row = check(session, token, Purpose.AGENT, now)
    if row.job_id != number:
        raise ForeignTokenError(f"the token is not for job {number}")
    job = find_job(session, number)
    if job.attempts != row.attempt:
        raise ConflictError(f"job {number} was started again by another contact", "this agent should stop")
    if job.state not in ACTIVE | {JobState.SUCCEEDED, JobState.FAILED}:
        raise ConflictError(_ended(job), job.hint or "this agent should stop")
    return job, row.mac


def _ended(job: Job) -> str:
    why = f" ({job.error})" if job.error else ""
    return f"job {job.id} is {job.state}{why}"


def _next_attempt(session: Session, host: Host, host_key: str, attempts: int, now: float) -> Job | None:
    job = active_job(session, host.id)
    if job is None or next_boot(job, attempts).job is None:
        return None
    job.state = next_state(job.state, JobEvent.CONTACT)
    job.attempts += 1
    job.host_key = host_key
    job.started = job.started or now
    job.heard = now
    job.error = job.hint = ""
    job.last_sequence = 0
    job.steps.clear()  # the new attempt plans anew; what the old one said stays in the log
    session.flush()
    return job


def _same_attempt(session: Session, host: Host, host_key: str) -> Job | None:
    """The job that this very agent has started, and that goes on: its answer got lost, or its token."""
    job = active_job(session, host.id)
    return job if job is not None and job.host_key == host_key else None


def _admission(
    session: Session, host: Host, job: Job | None, mac: str, *, address: str, now: float
) -> Admission:
    events.note(session, events.CONTACT, mac, f"job {job.id}" if job else "no job", now, address=address)
    tell = partial(
        issue,
        session,
        host_id=host.id,
        job_id=job.id if job else None,
        attempt=job.attempts if job else 0,
        mac=mac,
    )
    token = tell(Purpose.AGENT, expires=now + AGENT_LIFETIME)
    if job is None:
        return Admission(host.name, token, None)
    home = tell(Purpose.PHONE_HOME, expires=now + PHONE_HOME_LIFETIME)
    return Admission(host.name, token, from_document(job.document), job.attempts, home)


def _remember(session: Session, host: Host, inventory: messages.Inventory, address: str, now: float) -> None:
    host.inventory = _readable(json.loads(messages.encode(inventory)))
    host.firmware = inventory.firmware.value
    host.serial = line(inventory.system.serial, 128)
    host.uuid = line(inventory.system.uuid.lower(), 36) or host.uuid
    host.last_seen = now
    claim_address(session, host, address)


def _readable(plain: Any) -> Any:
    """A document whose texts may be shown: firmware and disks say of themselves what they like."""
    if isinstance(plain, str):
        return line(plain, messages.MAX_WORDS)
    if isinstance(plain, list):
        return [_readable(item) for item in plain]
    return {key: _readable(item) for key, item in plain.items()} if isinstance(plain, dict) else plain


def phone_home(database: Database, token: str, hostname: str, address: str, now: float) -> None:
    """An installed system says that it is up. Raises TokenError, ForeignTokenError."""
    with database.write() as session:
        row = check(session, token, Purpose.PHONE_HOME, now)
        host = find_by_mac(session, row.mac)
        if host is not None:
            host.phoned_home, host.phoned_home_as = now, line(hostname)
            host.last_seen = now
            claim_address(session, host, address)
        job = session.get(Job, row.job_id) if row.job_id is not None else None
        if job is not None and job.attempts == row.attempt:
            job.up = job.up or now
        events.note(session, events.PHONE_HOME, row.mac, hostname, now, address=address)
