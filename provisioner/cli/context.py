"""What every command line knows: which appliance it works on, and who works. A leaf of the command line."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from pathlib import Path

import typer

from provisioner.commands.appliance import Appliance
from provisioner.security.actors import Actor, Role

DEFAULT_HOME = "/var/lib/clonesys"


@dataclass(frozen=True, slots=True)
class Context:
    """The appliance's directory; ``debug`` shows tracebacks."""

    home: Path
    debug: bool = False

    def appliance(self) -> Appliance:
        """The appliance, to be used in a ``with`` statement."""
        return Appliance(self.home)

    @property
    def actor(self) -> Actor:
        """The person behind sudo. Who may read and write the directory administers the appliance."""
        return Actor(os.environ.get("SUDO_USER") or getpass.getuser(), Role.ADMINISTRATOR)


def of(context: typer.Context) -> Context:
    """Our part of typer's context."""
    found = context.find_object(Context)
    if found is None:
        raise RuntimeError("the command line's root callback did not run")
    return found
