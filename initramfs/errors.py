"""The root of everything that can go wrong on a machine, in words for the person in front of it.

A leaf. ``message`` says what was found, ``hint`` what to do; both travel in a job's result.
"""

from __future__ import annotations


class ExplainedError(Exception):
    """An error that a person can understand and act on."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
