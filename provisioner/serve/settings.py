"""What one run of ``clonesys serve`` was asked for; handed to each process as JSON. A leaf."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
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
    interface: str | None = None
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
        return cls(**values)
