"""The root of everything that can go wrong in the product, in words for the person who asked.

A leaf. Every error says what was found (``message``) and what to do next
(``hint``); the command line prints both and ends with ``exit_status``. Library
code raises these and never exits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from initramfs.errors import ExplainedError


class ExitStatus(IntEnum):
    """How a command line ends. Programs tell errors apart by it; docs/user/command-line.md lists them."""

    DONE = 0
    FAILED = 1
    """It was begun and could not be done."""
    USAGE = 2
    """The command line cannot be read. The number is click's."""
    NOT_FOUND = 3
    REFUSED = 4
    """It was checked, and not begun: nothing has changed."""
    INTERRUPTED = 130
    """128 + SIGINT, as shells count; also a question that was answered with no."""


class ProvisionerError(ExplainedError):
    """Something that a person can understand and act on."""

    exit_status: ClassVar[ExitStatus] = ExitStatus.FAILED


class NotFoundError(ProvisionerError):
    """A host, job, profile or the like of that name does not exist."""

    exit_status = ExitStatus.NOT_FOUND


class ForbiddenError(ProvisionerError):
    """The actor has no right to what was asked."""

    exit_status = ExitStatus.REFUSED


class ConflictError(ProvisionerError):
    """What was asked contradicts what is there: a name taken, a job already running."""

    exit_status = ExitStatus.REFUSED


class UnansweredError(ConflictError):
    """It has to be agreed to, and there is no terminal to ask at."""


class InterruptedByPersonError(ProvisionerError):
    """Ctrl-C. The message says what was left as it is now."""

    exit_status = ExitStatus.INTERRUPTED


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong at one place. ``where`` is a dotted path (``images.partitions.5``)."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} ({self.hint})" if self.hint else text


class InvalidError(ProvisionerError):
    """A file or a value that a person wrote is not what it should be. All of its problems at once."""

    exit_status = ExitStatus.REFUSED

    def __init__(self, message: str, problems: tuple[Problem, ...], hint: str = "") -> None:
        super().__init__(message, hint)
        self.problems = problems
