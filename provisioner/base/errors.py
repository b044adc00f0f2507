"""The root of everything that can go wrong in the product, in words for the person who asked.

A leaf. Every error says what was found (``message``) and what to do next
(``hint``); the command line prints both and ends with ``exit_code``. Library
code raises these and never exits.
"""

from __future__ import annotations

from dataclasses import dataclass

from initramfs.errors import ExplainedError


class ProvisionerError(ExplainedError):
    """Something that a person can understand and act on."""

    def __init__(self, message: str, hint: str = "", exit_code: int = 1) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


class NotFoundError(ProvisionerError):
    """A host, job, profile or the like of that name does not exist."""


class ForbiddenError(ProvisionerError):
    """The actor has no right to what was asked."""


class ConflictError(ProvisionerError):
    """What was asked contradicts what is there: a name taken, a job already running."""


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

    def __init__(self, message: str, problems: tuple[Problem, ...], hint: str = "") -> None:
        super().__init__(message, hint)
        self.problems = problems
