"""The command line: joins the groups, and turns every failure into an ``error:`` and a ``hint:`` line.

Each group is a module or a package of its own; a verb parses, calls the product, prints. Only what a command
line names is loaded: the database's modules alone take longer than many an image command.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from provisioner.cli.complaints import complaint
from provisioner.cli.context import DEFAULT_HOME, Context
from provisioner.cli.lazy import LazyGroup
from provisioner.cli.output import say

VERBS = ("init", "serve", "status", "audit")
GROUPS = ("host", "profile", "image", "job", "initramfs", "user")
BROKEN_PIPE = 141
"""128 + SIGPIPE: what shells show of a program that wrote to a pipe which nobody reads."""


class Commands(LazyGroup):
    """Verbs without a group, then the groups."""

    places: ClassVar = {name: f"{__name__}.{name}:{name}" for name in VERBS} | {
        name: f"{__name__}.{name}:app" for name in GROUPS
    }


HELP = {"help_option_names": ["-h", "--help"]}
"""Inherited by every command below."""

app = typer.Typer(
    name="clonesys",
    cls=Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings=HELP,
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
    as_json = "--json" in arguments
    try:
        command = typer.main.get_command(app)
        result = command.main(arguments, prog_name="clonesys", standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as end:
        if isinstance(end, SystemExit) and not end.code:  # the shell's completion has answered
            return 0
        # 'clonesys job list | head', of which typer makes a SystemExit.
        # What is still to be written would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in arguments and not isinstance(error, typer.TyperException | typer.Abort):
            raise
        return complaint(error).say(as_json=as_json)
    return result if isinstance(result, int) else 0
