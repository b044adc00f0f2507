"""Checking several things before the first one is changed: all that is wrong is said at once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from provisioner.base.errors import InvalidError, Problem, ProvisionerError

T = TypeVar("T")


def check_all(names: Iterable[str], check: Callable[[str], T], what: str) -> list[T]:
    """What ``check`` makes of each name, in their order; a name that comes twice counts once.

    Raises what ``check`` raises, a ProvisionerError, if there is one name only; else InvalidError with the
    problems of all of them. ``what`` is the plural of the things, for its message.
    """
    wanted = list(dict.fromkeys(names))
    found: list[T] = []
    wrong: dict[str, ProvisionerError] = {}
    for name in wanted:
        try:
            found.append(check(name))
        except ProvisionerError as error:
            wrong[name] = error
    if wrong and len(wanted) == 1:
        raise next(iter(wrong.values()))
    if wrong:
        raise InvalidError(
            f"{len(wrong)} of {len(wanted)} {what} cannot be taken; nothing was changed",
            tuple(problem for name, error in wrong.items() for problem in _problems(name, error)),
            "mend this, or leave them out",
        )
    return found


def _problems(name: str, error: ProvisionerError) -> Iterable[Problem]:
    yield Problem(name, error.message, error.hint)
    if isinstance(error, InvalidError):
        for inner in error.problems:
            yield Problem(f"{name}: {inner.where}" if inner.where else name, inner.what, inner.hint)
