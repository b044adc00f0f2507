"""What the DNS service is told about names; implemented by whoever knows the hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address


class Zone(Protocol):
    """Names and addresses. Names are lower case and without the last dot. Both may block."""

    def lookup(self, name: str) -> Sequence[IPv4Address]:
        """The addresses of a host or alias; empty if it is not ours."""
        ...

    def reverse(self, address: IPv4Address) -> str | None:
        """The name of the host with this address, or None if it is not ours."""
        ...
