"""Reading a profile: from a TOML text to :class:`Profile`, or to *all* of its problems. Pure.

Whether the images exist is asked when a profile is assigned.

Every profile but ``local`` runs once: the agent's contact takes it off the host, which
then starts from its own disk. So no profile can make a machine boot in a loop.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from provisioner.base.errors import InvalidError, Problem
from provisioner.base.toml import parse_toml, problems_of
from provisioner.base.units import parse_partition, parse_size
from provisioner.profiles.actions import ACTIONS
from provisioner.profiles.actions.action import ProfileAction, table
from provisioner.profiles.model import Profile

BUILT_IN = {
    "local": Profile(action="local", description="start from the own disk"),
    "inventory": Profile(
        action="inventory", description="report what the machine is made of; writes nothing"
    ),
}
"""Profiles that need no file."""


def read_profile(text: str, name: str) -> Profile:
    """The profile in a TOML text. Raises InvalidError with all problems at once, each with path and hint."""
    data = parse_toml(text, f"profile {name!r}")
    action = _action(data)
    problems: list[Problem] = []
    profile = None
    try:
        profile = Profile.model_validate(({"then": action.then} if action else {}) | data)
    except ValidationError as error:
        problems = problems_of(error, Profile)
    seen = {problem.where for problem in problems}
    problems += [problem for problem in _contradictions(data, action) if problem.where not in seen]
    if profile is None or problems:
        count = f"{len(problems)} problem{'s' * (len(problems) != 1)}"
        raise InvalidError(f"profile {name!r} has {count}", tuple(problems), "mend the file, try again")
    return profile


def _action(data: dict[str, Any]) -> ProfileAction | None:
    name = data.get("action")
    return ACTIONS.get(name) if isinstance(name, str) else None


def _contradictions(data: dict[str, Any], action: ProfileAction | None) -> list[Problem]:
    """What does not fit together. Looks at raw data: a typing error elsewhere must not hide these."""
    found = [*_size_rules(table(data, "disk")), *_twice(table(table(data, "images"), "partitions"))]
    if action is not None:
        return [*found, *action.problems(data)]
    name, allowed = data.get("action"), ", ".join(map(repr, ACTIONS))
    return [Problem("action", f"{name!r} is not allowed", f"allowed: {allowed}"), *found]


def _size_rules(disk: dict[str, Any]) -> list[Problem]:
    try:
        low, high = parse_size(disk.get("min_size", 0)), parse_size(disk.get("max_size", 2**63))
    except (ValueError, AttributeError):
        return []  # reported where it stands
    if low > high:
        return [Problem("disk", f"min_size {low} is more than max_size {high}", "no disk can match this")]
    return []


def _twice(partitions: dict[str, Any]) -> list[Problem]:
    seen: dict[int, str] = {}
    found = []
    for key in partitions:
        try:
            number = parse_partition(key)
        except ValueError:
            continue  # reported where it stands
        if number in seen:
            found.append(Problem(f"images.partitions.{key}", f"is the same partition as {seen[number]!r}"))
        seen[number] = key
    return found
