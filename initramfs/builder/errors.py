"""What can go wrong while building, in words for the person who asked for the build."""

from __future__ import annotations

from initramfs.errors import ExplainedError


class BuildError(ExplainedError):
    """The root of the builder's errors."""


class SpecError(BuildError):
    """``image.toml`` is wrong; the message lists everything that is."""


class SourceError(BuildError):
    """This machine's package sources cannot give us Debian's packages."""


class CommandError(BuildError):
    """A program that the builder started failed; the message is a command to paste and its last words."""


class ContentError(BuildError):
    """The packages do not hold what ``image.toml`` promises."""
