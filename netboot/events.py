"""What happened on the network, as a stream of events for a log, a database, a web page.

A leaf. Emitting never blocks and never raises: the services must not wait for
a log or a database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """The stations of a network boot, in their usual order."""

    DISCOVER = "discover"
    OFFER = "offer"
    BINL = "binl"
    TFTP_START = "tftp-start"
    TFTP_DONE = "tftp-done"
    TFTP_FAILED = "tftp-failed"
    TFTP_PROBE = "tftp-probe"
    """A size asked for, or a file that loaders try in normal operation: no failure."""
    SCRIPT = "script"
    BLOB = "blob"
    UNHEEDED = "unheeded"
    """An offer that the machine made nothing of, and the likely reason."""
    IGNORED = "ignored"
    LISTENING = "listening"
    """About ourselves: what is not served, and what is again."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing seen.

    Attributes:
        at: seconds since the epoch.
        kind: the station.
        mac: the machine's, if known (TFTP knows only addresses).
        address: the machine's IP address, if it has one.
        detail: one readable line: file name, form of the answer, reason.
        architecture: the machine's firmware, where it has told.
        uuid: the machine's, where it has told.
    """

    at: float
    kind: Kind
    mac: str | None
    address: str | None
    detail: str
    architecture: str = ""
    uuid: str = ""


class Sink(Protocol):
    """Takes events. Must return at once and must not raise."""

    def emit(self, event: Event) -> None:
        """Take one event."""
        ...


Tell = Callable[[Kind, str, str], None]
"""How a protocol says what happens: the station, the MAC or the address (what it knows), the detail."""
