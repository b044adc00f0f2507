"""What the supervisor and a part tell each other: settings on the command line, one line of JSON in return.

A leaf.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

ANY = IPv4Address(0)
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


def say(descriptor: int, message: ReadyMessage) -> None:
    """Send the one line and close the pipe. A supervisor that is gone no longer listens, and that is fine."""
    line = json.dumps({"where": message.where, "error": message.error, "hint": message.hint}) + "\n"
    try:
        os.write(descriptor, line.encode())
    except BrokenPipeError:
        return
    finally:
        os.close(descriptor)


def heard(line: bytes) -> ReadyMessage:
    """The message in a line. An empty line means that the part ended without one."""
    if not line.strip():
        return ReadyMessage(error="it said nothing")
    return ReadyMessage(**json.loads(line))
