"""The commands of a typer command line, as they are declared. Pure, once the commands are loaded.

Reads declarations, not help pages: those are drawn for a terminal, as wide as it happens to be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any

import typer
from typer.core import TyperGroup

from docs.generator.markdown import bounds, code, table


@dataclass(frozen=True, slots=True)
class Command:
    """A command or a group, with the words that call it."""

    path: str
    command: Any

    @property
    def is_group(self) -> bool:
        """Whether other commands are inside of it."""
        return isinstance(self.command, TyperGroup)


def commands_of(path: str, command: Any) -> Iterator[Command]:
    """A command and all below it, in the order of its help page; hidden ones are left out."""
    yield Command(path, command)
    if isinstance(command, TyperGroup):
        context = typer.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is None:
                raise LookupError(f"{path} lists {name!r} and has no such command")
            if not inner.hidden:
                yield from commands_of(f"{path} {name}", inner)


def section(found: Command) -> Iterator[str]:
    """The lines about one command: how it is called, what it does, what it takes."""
    command = found.command
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    options = [item for item in command.params if item.param_type_name == "option" and not item.hidden]
    yield from (f"### {found.path}" if not found.is_group else f"## {found.path}", "")
    yield from (" ".join((command.help or "").split()), "")
    yield from ("```", usage(found, arguments, options), "```", "")
    context = typer.Context(command)
    yield from table(("argument", "meaning"), [(code(_written(a, context)), _told(a)) for a in arguments])
    yield from table(
        ("option", "value", "default", "meaning"),
        [(_spelled(item), _value(item, context), _default(item), _told(item)) for item in options],
    )


def usage(found: Command, arguments: list[Any], options: list[Any]) -> str:
    """One line, as it is typed."""
    context = typer.Context(found.command)
    words = [found.path, *(["[OPTIONS]"] if options else [])]
    words += ["COMMAND …"] if found.is_group else [_written(item, context) for item in arguments]
    return " ".join(words)


def _written(argument: Any, context: typer.Context) -> str:
    text: str = argument.make_metavar(context)
    return text if argument.metavar else text.upper()


def _told(parameter: Any) -> str:
    words = " ".join((parameter.help or "").split())
    return f"{words} Also in {code(parameter.envvar)}." if parameter.envvar else words


def _spelled(option: Any) -> str:
    return ", ".join(code(word) for word in (*option.opts, *option.secondary_opts))


def _value(option: Any, context: typer.Context) -> str:
    if option.is_flag:
        return ""
    kind = option.type
    if option.metavar:
        words = code(option.make_metavar(context))
    elif choices := getattr(kind, "choices", None):
        words = ", ".join(code(str(getattr(choice, "value", choice))) for choice in choices)
    else:
        words = WORDS[kind.name] + bounds(getattr(kind, "min", None), getattr(kind, "max", None))
    return f"{words}; repeatable" if option.multiple else words


WORDS = {"str": "text", "int": "integer", "int range": "integer", "path": "path", "float": "number"}
"""What an option's value is, by the name of its type."""


def _default(option: Any) -> str:
    value = option.default
    if option.required:
        return "required"
    if option.is_flag:
        # A plain flag is off; of a pair, the default is the word that need not be said.
        return code((option.opts if value else option.secondary_opts)[0]) if option.secondary_opts else ""
    if value is None or value in ("", (), []):
        return ""
    if isinstance(value, Enum):
        value = value.value
    return code(value.as_posix() if isinstance(value, PurePath) else str(value))
