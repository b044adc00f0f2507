"""What the supervisor and a part tell each other.

Settings on the command line; in return one line of JSON, and then an empty line every few seconds, as long as
the part does its work. A leaf.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

ANY = IPv4Address(0)
SIGN_SECONDS = 2.0
"""Seconds between two signs of life, at least."""
PARTS = ("netboot", "http", "controller")
"""The processes of an appliance."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to serve. Ports of 0 are chosen by the kernel; ``dns_port`` None means no DNS.

    ``http_address`` and ``http_port`` are where HTTP is bound, and what boot scripts name.
    """

    home: Path
    http_address: IPv4Address
    http_port: int
    workers: int
    interfaces: tuple[str, ...] = ()
    listen: IPv4Address = ANY
    dhcp_port: int = 67
    binl_port: int = 4011
    tftp_port: int = 69
    dns_port: int | None = 53

    def to_json(self) -> str:
        """As one argument of a command line."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """The inverse of :meth:`to_json`."""
        values = json.loads(text)
        values["home"] = Path(values["home"])
        values["http_address"] = IPv4Address(values["http_address"])
        values["listen"] = IPv4Address(values["listen"])
        values["interfaces"] = tuple(values["interfaces"])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class ReadyMessage:
    """``where`` maps services to addresses for people; an ``error`` is never empty unless all is well."""

    where: dict[str, str] = field(default_factory=dict)
    error: str = ""
    hint: str = ""


class Voice:
    """A part's end of the pipe to its supervisor. Never waits: it may be busy, or gone."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._told = float("-inf")
        os.set_blocking(descriptor, False)

    def ready(self, where: dict[str, str]) -> None:
        """Say, once, that the part serves, and where."""
        self._say(ReadyMessage(where))
        self.alive()  # from now on it is missed

    def failed(self, error: str, hint: str) -> None:
        """Say, instead, why it cannot."""
        self._say(ReadyMessage(error=error, hint=hint))

    def alive(self) -> None:
        """Give a sign of life, from where the part's work is done; more often than needed does no harm."""
        now = time.monotonic()
        if now - self._told >= SIGN_SECONDS:
            self._told = now
            self._write(b"\n")

    def _say(self, message: ReadyMessage) -> None:
        line = json.dumps({"where": message.where, "error": message.error, "hint": message.hint}) + "\n"
        self._write(line.encode())

    def _write(self, line: bytes) -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._descriptor, line)


def heard(line: bytes) -> ReadyMessage:
    """The message in a line. An empty line means that the part ended without one."""
    if not line.strip():
        return ReadyMessage(error="it said nothing")
    return ReadyMessage(**json.loads(line))
