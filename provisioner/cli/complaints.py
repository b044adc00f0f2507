"""What went wrong: as ``error:`` and ``hint:`` lines for people, as one line of JSON for programs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import TypeGuard

import typer

from initramfs.errors import ExplainedError
from netboot.errors import NetbootError
from provisioner.base import access
from provisioner.base.errors import (
    ExitStatus,
    InterruptedByPersonError,
    InvalidError,
    Problem,
    ProvisionerError,
)
from provisioner.cli.output import harmless

BEFORE = ("--home", "--debug", "--version")
"""Options that stand before the command."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is said of an error. ``error`` is empty where help was printed instead."""

    error: str
    hint: str
    exit_status: int
    problems: tuple[Problem, ...] = ()

    def say(self, *, as_json: bool) -> int:
        """Say it on standard error; the exit status."""
        if as_json:
            sys.stderr.write(json.dumps(asdict(self)) + "\n")
            return self.exit_status
        lines = [f"error: {self.error}"] if self.error else []
        lines += [f"  {problem}" for problem in self.problems]
        lines += [f"hint: {self.hint}"] if self.hint else []
        sys.stderr.writelines(f"{harmless(line)}\n" for line in lines)
        return self.exit_status


def complaint(error: BaseException) -> Complaint:
    """What to say of anything that ends a command."""
    if isinstance(error, typer.TyperException):
        found = error.format_message()  # none if there was no command at all: help was printed
        return Complaint(found, usage_hint(error) if found else "", error.exit_code)
    known = _explained(error)
    if known is None:
        what = f"{type(error).__name__}: {error}"
        return Complaint(what, "--debug shows where this happened", ExitStatus.FAILED)
    status = getattr(known, "exit_status", ExitStatus.FAILED)
    return Complaint(
        known.message, known.hint, status, known.problems if isinstance(known, InvalidError) else ()
    )


def _explained(error: BaseException) -> ExplainedError | NetbootError | None:
    match error:
        case ExplainedError() if not isinstance(error, ProvisionerError) and _is_denied(error.__cause__):
            return access.in_words(error.__cause__)  # the engine knows no owners
        case ExplainedError() | NetbootError():
            return error
        case KeyboardInterrupt() | typer.Abort():
            ended = isinstance(error.__cause__, EOFError)
            return InterruptedByPersonError("there is no more input" if ended else "interrupted")
        case OSError():
            return access.in_words(error)
        case _:
            return None


def _is_denied(cause: BaseException | None) -> TypeGuard[PermissionError]:
    return isinstance(cause, PermissionError) and cause.filename is not None


def usage_hint(error: typer.TyperException) -> str:
    """What to do about a command line that cannot be parsed."""
    option = getattr(error, "option_name", "")
    path = getattr(getattr(error, "ctx", None), "command_path", "clonesys")
    if option in BEFORE and " " in path:
        return f"{option} stands before the command, as in 'clonesys {option} … {path.partition(' ')[2]}'"
    return f"'{path} --help' shows what is expected"
