"""The command line: joins the groups, and turns every failure into an ``error:`` and a ``hint:`` line.

Each group is a module or a package of its own; a verb parses, calls the product, prints. Only what a command
line names is loaded: the database's modules alone take longer than many an image command.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from initramfs.errors import ExplainedError
from netboot.errors import NetbootError
from provisioner.base.errors import ExitStatus, InvalidError
from provisioner.cli.context import DEFAULT_HOME, Context
from provisioner.cli.lazy import LazyGroup
from provisioner.cli.output import say

VERBS = ("init", "serve", "status", "audit")
GROUPS = ("host", "profile", "image", "job", "initramfs")
BEFORE = ("--home", "--debug", "--version")
"""Options that stand before the command."""


class Commands(LazyGroup):
    """Verbs without a group, then the groups."""

    places: ClassVar = {name: f"{__name__}.{name}:{name}" for name in VERBS} | {
        name: f"{__name__}.{name}:app" for name in GROUPS
    }


app = typer.Typer(
    name="clonesys", cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


def print_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it, with the option's value
    """Print clonesys' version and end, if ``asked``."""
    if not asked:
        return
    # Loaded here, because hardly any command line asks for it.
    from importlib.metadata import version  # noqa: PLC0415 - see above

    say(f"clonesys {version('clonesys')}")
    raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    home: Annotated[
        Path, typer.Option(envvar="CLONESYS_HOME", help="Everything of one appliance lies here.")
    ] = Path(DEFAULT_HOME),
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback is all of it
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Reimage machines unattended: a netboot appliance."""
    context.obj = Context(home.absolute(), debug=debug)


def main() -> None:
    """The ``clonesys`` command."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; its exit status. Only ``--debug`` lets an exception out, never typer's own."""
    try:
        command = typer.main.get_command(app)
        result = command.main(arguments, prog_name="clonesys", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except Exception as error:
        if "--debug" in arguments and not isinstance(error, typer.TyperException):
            raise
        return complain(error)
    return result if isinstance(result, int) else 0


def complain(error: Exception) -> int:
    """Say on standard error what went wrong and what to do; the exit status."""
    match error:
        case InvalidError():
            lines = [f"error: {error.message}", *(f"  {problem}" for problem in error.problems)]
            lines += [f"hint: {error.hint}"] if error.hint else []
            exit_status: int = error.exit_status
        case ExplainedError() | NetbootError():
            lines = [f"error: {error.message}"] + ([f"hint: {error.hint}"] if error.hint else [])
            exit_status = getattr(error, "exit_status", ExitStatus.FAILED)
        case typer.TyperException() if not error.format_message():  # no command at all: help was printed
            lines, exit_status = [], error.exit_code
        case typer.TyperException():
            lines = [f"error: {error.format_message()}", f"hint: {usage_hint(error)}"]
            exit_status = error.exit_code
        case _:
            lines = [f"error: {type(error).__name__}: {error}", "hint: --debug shows where this happened"]
            exit_status = 1
    sys.stderr.writelines(f"{line}\n" for line in lines)
    return exit_status


def usage_hint(error: typer.TyperException) -> str:
    """What to do about a command line that cannot be parsed."""
    option = getattr(error, "option_name", "")
    path = getattr(getattr(error, "ctx", None), "command_path", "clonesys")
    if option in BEFORE and " " in path:
        return f"{option} stands before the command, as in 'clonesys {option} … {path.partition(' ')[2]}'"
    return f"'{path} --help' shows what is expected"
