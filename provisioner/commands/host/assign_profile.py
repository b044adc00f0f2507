"""``host set``: what hosts do at their next network boot. Everything is checked before anything changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from initramfs.messages import Firmware, Job
from provisioner.base.checking import check_all
from provisioner.base.errors import Problem
from provisioner.boot import files
from provisioner.commands.appliance import Appliance
from provisioner.commands.profile.images import NamedImages, look_up
from provisioner.hosts.registry import find_host
from provisioner.jobs import queue
from provisioner.jobs.make import make_job
from provisioner.jobs.next_boot import LOCAL
from provisioner.profiles.actions import ACTIONS
from provisioner.profiles.actions.action import HostFacts
from provisioner.profiles.files import load_profile
from provisioner.profiles.model import Profile
from provisioner.security.actors import Actor, Right
from provisioner.timeline import audit


@dataclass(frozen=True, slots=True)
class AssignProfile:
    """Hosts by name or alias, in any case, and the name of a boot profile."""

    hosts: tuple[str, ...]
    profile: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """A job that had not begun and was cancelled for another one. ``made_by`` is empty for old ones."""

    job: int
    profile: str
    made_by: str
    made: float


@dataclass(frozen=True, slots=True)
class Assigned:
    """What became of the wish on one host. ``job`` is None where it starts from its own disk."""

    host: str
    profile: str
    job: int | None = None
    replaced: Replaced | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """What became of the wish on every host, and what in the profile is often not meant."""

    hosts: tuple[Assigned, ...]
    remarks: tuple[Problem, ...] = ()


def assign_profile(appliance: Appliance, actor: Actor, wish: AssignProfile) -> Assignment:
    """Let all of these hosts follow the profile, or none of them.

    Raises ForbiddenError, NotFoundError, InvalidError with all problems at once, and ConflictError while a
    job is running.
    """
    actor.require(Right.HOSTS)
    profile = load_profile(appliance.root, wish.profile)
    hosts = _hosts(appliance, wish.hosts)
    if ACTIONS[profile.action].work is None:
        return Assignment(_queue(appliance, actor, wish.profile, {host.name: None for host in hosts}, LOCAL))
    with appliance.store.hold():  # until the jobs are queued, no image that they name can lose its chunks
        images = look_up(appliance, profile)
        jobs = _jobs(wish.profile, profile, hosts, images)
        files.require(appliance.home)
        done = _queue(appliance, actor, wish.profile, jobs, profile.action)
        return Assignment(done, (*images.remarks(), *_shared_name(profile, hosts)))


def _hosts(appliance: Appliance, names: tuple[str, ...]) -> list[HostFacts]:
    """The hosts' own names, and the firmware that each was last seen with; a host under two names once."""

    def facts(session: Session, name: str) -> HostFacts:
        row = find_host(session, name.lower())
        firmware = Firmware(row.firmware) if row.firmware else None
        return HostFacts(row.name, appliance.config.dns.domain, firmware)

    with appliance.database.read() as session:
        found = check_all(names, lambda name: facts(session, name), "hosts")
    return list({host.name: host for host in found}.values())


def _jobs(name: str, profile: Profile, hosts: list[HostFacts], images: NamedImages) -> dict[str, Job | None]:
    """A job for each host; all of them get the same generations."""
    known = {host.name: host for host in hosts}

    def make(host: str) -> Job:
        return make_job(
            name, profile, known[host], images.resolve, lambda facts: images.contradictions(facts.firmware)
        )

    return dict(zip(known, check_all(known, make, "hosts"), strict=True))


def _shared_name(profile: Profile, hosts: list[HostFacts]) -> Iterator[Problem]:
    fixed = profile.personalise.hostname if profile.personalise else None
    if fixed and len(hosts) > 1:
        what = f"all {len(hosts)} of them will be called {fixed}"
        yield Problem("personalise.hostname", what, "leave it out, and each gets its own name")


def _queue(
    appliance: Appliance, actor: Actor, profile: str, jobs: dict[str, Job | None], action: str
) -> tuple[Assigned, ...]:
    with appliance.database.write() as session:

        def follow(name: str) -> Assigned:
            job, now = jobs[name], appliance.now()
            return _follow(session, actor, name, profile=profile, job=job, action=action, now=now)

        return tuple(check_all(jobs, follow, "hosts"))


def _follow(
    session: Session, actor: Actor, name: str, *, profile: str, job: Job | None, action: str, now: float
) -> Assigned:
    host = find_host(session, name)
    waiting = queue.active_job(session, host.id)
    if job is None:
        queue.clear(session, host, now, f"taken back by {actor.name} before it began")
        number, said = None, f"{name} {LOCAL}"
    else:
        number = queue.queue_job(session, host, job, now, actor.name).id
        said = f"{name} {profile} ({action}, job {number})"
    replaced = Replaced(waiting.id, waiting.profile, waiting.made_by, waiting.created) if waiting else None
    if replaced:
        said += f", in place of job {replaced.job} ({replaced.profile})"
    audit.note(session, actor.name, "host set", said, now)
    return Assigned(name, profile, number, replaced)
