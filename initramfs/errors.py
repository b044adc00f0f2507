"""What can go wrong while building, in words for the person who asked for the build. A leaf."""

from __future__ import annotations


class BuildError(Exception):
    """The root of the builder's errors: ``message`` says what was found, ``hint`` what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SpecError(BuildError):
    """``image.toml`` is wrong; the message lists everything that is."""


class SourceError(BuildError):
    """This machine's package sources cannot give us Debian's packages."""


class CommandError(BuildError):
    """A program that the builder started failed; the message is a command to paste and its last words."""


class ContentError(BuildError):
    """The packages do not hold what ``image.toml`` promises."""
