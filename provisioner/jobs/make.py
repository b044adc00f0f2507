"""From a profile and a host to the job that the agent will be given. Pure.

A job is a snapshot: image generations are pinned by digest when it is made, so
neither an edited profile nor a newer image changes what a queued host will do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from initramfs.messages import Action, Backup, Firmware, ImageRef, Job, PartitionImage, Personalisation
from provisioner.base.errors import InvalidError, Problem, ProvisionerError
from provisioner.profiles.model import Profile

Resolve = Callable[[str], ImageRef]
"""Finds the image ``NAME`` or ``NAME@GENERATION``. Raises ProvisionerError if there is none."""

UNNUMBERED = 0
"""The id of a job that the database has not numbered yet."""


@dataclass(frozen=True, slots=True)
class Target:
    """What has to be known of a host to make a job for it. ``firmware`` is None until it has been seen."""

    name: str
    domain: str
    firmware: Firmware | None = None


def make_job(name: str, profile: Profile, target: Target, resolve: Resolve) -> Job:
    """The job that profile ``name`` means for ``target``. Raises InvalidError with all problems at once."""
    backup = profile.action is Action.BACKUP
    images, problems = (_names(profile), []) if backup else _resolve_all(profile, resolve)
    problems += _firmware_problems(profile, target)
    if problems:
        raise InvalidError(
            f"profile {name!r} cannot be given to {target.name}",
            tuple(problems),
            f"mend profiles/{name}.toml, or capture what is missing with 'clonesys image capture'",
        )
    return Job(
        id=UNNUMBERED,
        action=profile.action,
        profile=name,
        disk=profile.disk.rule(),
        disk_image=images.get("images.disk"),
        partition_images=tuple(
            PartitionImage(number, images[f"images.partitions.{number}"])
            for number in sorted(profile.images.partitions)
        ),
        personalisation=_personalisation(profile, target),
        fit=profile.fit.order(),
        identity=profile.identity.order(),
        after=profile.then,
        backup=_backup(profile) if backup else None,
    )


def with_phone_home(job: Job, url: str, token: str) -> Job:
    """The job with the way home filled in, where its profile asked for one.

    Done at the agent's contact: the token is kept as a hash only, and the address is the one the agent used.
    """
    person = job.personalisation
    if person is None or not person.phone_home_url:
        return job
    return replace(job, personalisation=replace(person, phone_home_url=url, phone_home_token=token))


PHONE_HOME_WANTED = "at contact"
"""Stands in ``phone_home_url`` of a queued job until the agent's contact says which address it reaches."""


def _backup(profile: Profile) -> Backup:
    return Backup(profile.description, tuple(profile.backup.empty), profile.backup.without_swap)


def _names(profile: Profile) -> dict[str, ImageRef]:
    """What a backup will make: there is neither a generation nor a digest yet."""
    return {where: ImageRef(name, 0, b"") for where, name in profile.image_names().items()}


def _resolve_all(profile: Profile, resolve: Resolve) -> tuple[dict[str, ImageRef], list[Problem]]:
    found: dict[str, ImageRef] = {}
    problems: list[Problem] = []
    for where, image in profile.image_names().items():
        try:
            found[where] = resolve(image)
        except ProvisionerError as error:
            problems.append(Problem(where, error.message, error.hint))
    return found, problems


def _firmware_problems(profile: Profile, target: Target) -> list[Problem]:
    if profile.firmware and target.firmware and profile.firmware != target.firmware:
        what = f"is for {profile.firmware} machines, {target.name} last started with {target.firmware}"
        return [Problem("firmware", what, "use the profile made for this firmware")]
    return []


def _personalisation(profile: Profile, target: Target) -> Personalisation | None:
    wanted = profile.personalise
    if wanted is None:
        return None
    return Personalisation(
        root=wanted.root,
        hostname=wanted.hostname or target.name,
        domain=target.domain if wanted.domain is None else wanted.domain,
        phone_home_url=PHONE_HOME_WANTED if wanted.phone_home else "",
    )
