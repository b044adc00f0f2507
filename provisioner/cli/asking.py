"""Questions before something is done that cannot be taken back. On standard error: the output stays clean."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from provisioner.base.errors import InterruptedByPersonError, UnansweredError
from provisioner.cli.output import harmless

Yes = Annotated[bool, typer.Option("--yes", "--force", help="Do not ask.")]


def ask(question: str) -> None:
    """Return after a yes. Raises InterruptedByPersonError after a no, UnansweredError without an answer."""
    try:
        agreed = typer.confirm(harmless(question), err=True)
    except typer.Abort:
        sys.stderr.write("\n")  # behind the question
        if sys.stdin.isatty():
            raise
        raise UnansweredError(
            "the question cannot be answered here, without a terminal, and nothing was done", "add --yes"
        ) from None
    if not agreed:
        raise InterruptedByPersonError("not agreed to, and nothing was done")
