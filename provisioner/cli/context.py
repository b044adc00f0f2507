"""What every command knows: which appliance it works on. A leaf of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import typer

DEFAULT_HOME = "/var/lib/clonesys"


@dataclass(frozen=True, slots=True)
class Context:
    """The appliance's directory; ``debug`` shows tracebacks."""

    home: Path
    debug: bool = False


def of(context: typer.Context) -> Context:
    """Our part of typer's context."""
    found = context.find_object(Context)
    if found is None:
        raise RuntimeError("the command line's root callback did not run")
    return found
