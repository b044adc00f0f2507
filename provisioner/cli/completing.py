"""The shell's completion of names: hosts, profiles and images of the appliance that the command line names.

Whatever goes wrong, nothing is offered: who presses Tab wants no error between the words.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from provisioner.base.home import Home
from provisioner.cli.context import DEFAULT_HOME
from provisioner.commands.appliance import Appliance

_PLAIN = re.compile(r"[A-Za-z0-9._@+-]+")
"""The shell puts a completion into its line as it is, and runs ``$(…)`` there: a name may be a file's."""


def hosts(context: typer.Context, incomplete: str) -> list[str]:
    """Hosts' names."""
    from provisioner.jobs.overview import host_names  # noqa: PLC0415 - it loads the database

    return _offer(context, incomplete, lambda appliance: host_names(appliance.database))


def profiles(context: typer.Context, incomplete: str) -> list[str]:
    """Profiles' names."""
    from provisioner.profiles.files import profile_names  # noqa: PLC0415 - it loads the models

    return _offer(context, incomplete, lambda appliance: profile_names(appliance.root))


def images(context: typer.Context, incomplete: str) -> list[str]:
    """Images' names, and behind an @ their generations."""

    def find(appliance: Appliance) -> Iterable[str]:
        name, at, _ = incomplete.partition("@")
        store = appliance.store
        return (f"{name}@{number}" for number in store.generations(name)) if at else store.names()

    return _offer(context, incomplete, find)


def _offer(context: typer.Context, incomplete: str, find: Callable[[Appliance], Iterable[str]]) -> list[str]:
    with contextlib.suppress(Exception):
        home = Path(context.find_root().params.get("home") or DEFAULT_HOME).absolute()
        if Home(home).is_made():
            with Appliance(home) as appliance:
                return [
                    name for name in find(appliance) if name.startswith(incomplete) and _PLAIN.fullmatch(name)
                ]
    return []
