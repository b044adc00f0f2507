"""``host set``: what hosts do at their next network boot. Everything is checked before anything changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from initramfs.messages import Firmware, ImageRef, Job
from provisioner.base.checking import check_all
from provisioner.base.config import Track
from provisioner.boot import files
from provisioner.commands.appliance import Appliance
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


def assign_profile(appliance: Appliance, actor: Actor, wish: AssignProfile) -> tuple[Assigned, ...]:
    """Let all of these hosts follow the profile, or none of them.

    Raises ForbiddenError, NotFoundError, InvalidError with all problems at once, and ConflictError while a
    job is running.
    """
    actor.require(Right.HOSTS)
    profile = load_profile(appliance.root, wish.profile)
    hosts = _hosts(appliance, wish.hosts)
    if ACTIONS[profile.action].work is None:
        return _queue(appliance, actor, wish.profile, {host.name: None for host in hosts}, LOCAL)
    with appliance.store.hold():  # until the jobs are queued, no image that they name can lose its chunks
        jobs = _jobs(appliance, wish.profile, profile, hosts)
        files.require(appliance.home)
        return _queue(appliance, actor, wish.profile, jobs, profile.action)


def _hosts(appliance: Appliance, names: tuple[str, ...]) -> list[HostFacts]:
    """The hosts' own names, and the firmware that each was last seen with; a host under two names once."""

    def facts(session: Session, name: str) -> HostFacts:
        row = find_host(session, name.lower())
        firmware = Firmware(row.firmware) if row.firmware else None
        return HostFacts(row.name, appliance.config.dns.domain, firmware)

    with appliance.database.read() as session:
        found = check_all(names, lambda name: facts(session, name), "hosts")
    return list({host.name: host for host in found}.values())


def _jobs(appliance: Appliance, name: str, profile: Profile, hosts: list[HostFacts]) -> dict[str, Job | None]:
    known = {host.name: host for host in hosts}
    track = profile.images.track or appliance.config.images.track
    resolve = _remembering(lambda image: _pinned(appliance, image, track))
    made = check_all(known, lambda host: make_job(name, profile, known[host], resolve), "hosts")
    return dict(zip(known, made, strict=True))


def _remembering(resolve: Callable[[str], ImageRef]) -> Callable[[str], ImageRef]:
    """Asks once for each image: all hosts of one wish get the same generation."""
    known: dict[str, ImageRef] = {}

    def find(image: str) -> ImageRef:
        if image not in known:
            known[image] = resolve(image)
        return known[image]

    return find


def _pinned(appliance: Appliance, image: str, track: Track) -> ImageRef:
    """The very image that a name means now; without a generation, the one that is tracked."""
    found = appliance.store.resolve(image if "@" in image else f"{image}@{track}")
    return ImageRef(found.name, found.generation, found.digest)


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
