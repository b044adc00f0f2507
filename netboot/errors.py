"""What can go wrong in the network services: our fault, or the peer's.

A leaf. The command line prints a message as ``error:`` and its hint as ``hint:``.
"""

from __future__ import annotations


class NetbootError(Exception):
    """Something on our side does not work: ``message`` says what was found, ``hint`` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} (hint: {self.hint})" if self.hint else self.message


class ProtocolError(NetbootError):
    """The peer sent something that its protocol does not allow. Never a reason to stop serving."""
