"""The root of what can go wrong, in words for the person who asked or stands in front of the machine.

A leaf. ``message`` says what was found, ``hint`` what to do; both travel in a job's result.
"""

from __future__ import annotations


class ExplainedError(Exception):
    """An error that a person can understand and act on."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
