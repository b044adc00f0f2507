"""From a profile and a host to the job that the agent will be given. Pure.

A job is a snapshot: image generations are pinned by digest when it is made, so
neither an edited profile nor a newer image changes what a queued host will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from initramfs.errors import ExplainedError
from initramfs.messages import ImageRef, Job
from provisioner.base.errors import InvalidError, Problem
from provisioner.profiles.actions import ACTIONS
from provisioner.profiles.actions.action import HostFacts
from provisioner.profiles.model import Profile

Resolve = Callable[[str], ImageRef]
"""Finds the image ``NAME`` or ``NAME@GENERATION``. Raises ExplainedError if there is none."""

UNNUMBERED = 0
"""The id of a job that the database has not numbered yet."""


Judge = Callable[[HostFacts], Iterable[Problem]]
"""What the profile and its images contradict each other in, on a host."""


def make_job(
    name: str, profile: Profile, host: HostFacts, resolve: Resolve, judge: Judge = lambda _host: ()
) -> Job:
    """The job that profile ``name`` means for ``host``. Raises InvalidError with all problems at once."""
    action = ACTIONS[profile.action]
    if action.work is None:
        raise AssertionError(f"a profile of the action {action.name} makes no job")
    images, problems = _resolve_all(profile, resolve) if action.pins else ({}, [])
    problems += [*_firmware_problems(profile, host), *judge(host)]
    if problems:
        raise InvalidError(
            f"profile {name!r} cannot be given to {host.name}",
            tuple(problems),
            f"mend profiles/{name}.toml, or capture what is missing with 'clonesys image capture'",
        )
    return Job(UNNUMBERED, name, action.work(profile, host, images), profile.then)


def _resolve_all(profile: Profile, resolve: Resolve) -> tuple[dict[str, ImageRef], list[Problem]]:
    found: dict[str, ImageRef] = {}
    problems: list[Problem] = []
    for where, image in profile.image_names().items():
        try:
            found[where] = resolve(image)
        except ExplainedError as error:
            problems.append(Problem(where, error.message, error.hint))
    return found, problems


def _firmware_problems(profile: Profile, host: HostFacts) -> list[Problem]:
    if profile.firmware and host.firmware and profile.firmware != host.firmware:
        what = f"is for {profile.firmware} machines, {host.name} last started with {host.firmware}"
        return [Problem("firmware", what, "use the profile made for this firmware")]
    return []
