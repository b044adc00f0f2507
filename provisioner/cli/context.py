"""What every command knows: which appliance it works on, and who works. A leaf of the command line."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from provisioner.commands.appliance import Appliance
from provisioner.security.actors import Actor, Role

if TYPE_CHECKING:
    from provisioner.database.engine import Database

DEFAULT_HOME = "/var/lib/clonesys"


@dataclass(frozen=True, slots=True)
class Context:
    """The appliance's directory; ``debug`` shows tracebacks."""

    home: Path
    debug: bool = False

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The appliance's state, at this version's tables. Raises ProvisionerError if ``home`` is none."""
        # Loaded here, because it takes longer than many a command that needs no database.
        from provisioner.database.engine import open_migrated  # noqa: PLC0415

        database = open_migrated(self.home)
        try:
            yield database
        finally:
            database.close()

    def appliance(self) -> Appliance:
        """What commands work on; a context manager."""
        return Appliance(self.home)

    @property
    def actor(self) -> Actor:
        """Who gives the command. Access to the files is the right to everything."""
        return Actor(self.who, Role.ADMINISTRATOR)

    @property
    def who(self) -> str:
        """Who gives the command, for the audit log; the person behind sudo."""
        return os.environ.get("SUDO_USER") or getpass.getuser()


def of(context: typer.Context) -> Context:
    """Our part of typer's context."""
    found = context.find_object(Context)
    if found is None:
        raise RuntimeError("the command line's root callback did not run")
    return found
