"""``host set``: what a host does at its next network boot. Everything is checked before anything changes."""

from __future__ import annotations

from dataclasses import dataclass

from initramfs.messages import Firmware, ImageRef
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
    """A host by name or alias, in any case, and the name of a boot profile."""

    host: str
    profile: str


def assign_profile(appliance: Appliance, actor: Actor, wish: AssignProfile) -> int | None:
    """Let the host follow the profile; the number of the job that was made, if the profile needs one.

    Raises ForbiddenError, NotFoundError, InvalidError with all problems at once, and ConflictError while a
    job is running.
    """
    actor.require(Right.HOSTS)
    profile = load_profile(appliance.root, wish.profile)
    name, firmware = _host(appliance, wish.host.lower())
    if ACTIONS[profile.action].work is None:
        _start_locally(appliance, actor, name)
        return None
    with appliance.store.hold():  # until the job is queued, no image that it names can lose its chunks
        host = HostFacts(name, appliance.config.dns.domain, firmware)
        job = make_job(wish.profile, profile, host, lambda image: _pinned(appliance, image))
        files.require(appliance.home)
        with appliance.database.write() as session:
            row = queue.queue_job(session, find_host(session, name), job, appliance.now())
            audit.note(session, actor.name, "host set", _said(name, profile, wish, row.id), appliance.now())
            return row.id


def _pinned(appliance: Appliance, image: str) -> ImageRef:
    """The very image that a name means now: ``NAME``, ``NAME@GENERATION`` or ``NAME@latest``."""
    found = appliance.store.resolve(image)
    return ImageRef(found.name, found.generation, found.digest)


def _host(appliance: Appliance, name: str) -> tuple[str, Firmware | None]:
    """The host's own name, and the firmware it was last seen with."""
    with appliance.database.read() as session:
        row = find_host(session, name)
        return row.name, Firmware(row.firmware) if row.firmware else None


def _start_locally(appliance: Appliance, actor: Actor, name: str) -> None:
    with appliance.database.write() as session:
        queue.clear(session, find_host(session, name), appliance.now())
        audit.note(session, actor.name, "host set", f"{name} {LOCAL}", appliance.now())


def _said(name: str, profile: Profile, wish: AssignProfile, number: int) -> str:
    return f"{name} {wish.profile} ({profile.action}, job {number})"
