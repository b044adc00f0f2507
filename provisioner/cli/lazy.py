"""Groups of commands that load a command's module when the command is named.

Loading all of them takes longer than many an image command works. The parser decides what is named, so that
a file called ``list`` or a host called ``image`` loads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_group


class LazyGroup(TyperGroup):
    """A group whose commands are listed in ``places``, in the order of the help page, which loads them all.

    A place is ``module:name``; the name is that of a function, or of a Typer for a group in the group.
    """

    places: ClassVar[Mapping[str, str]] = {}

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - TyperGroup's; its context is private
        """Their names."""
        return list(self.places)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, or None; all are loaded then, for the parser's "did you mean"."""
        for name in (cmd_name,) if cmd_name in self.places else self.places:
            if name not in self.commands:
                self.commands[name] = load(name, self.places[name])
        return super().get_command(ctx, cmd_name)


def load(name: str, place: str) -> Any:
    """What a group has under this name: a command, or a group."""
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute)
    app = typer.Typer()
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=name)
    else:
        app.command(name)(found)
    return get_group(app).commands[name]
