"""The names that the DNS service answers for. What a zone says comes from the product, or from a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Address


class Zone(Protocol):
    """Names and addresses. Names are lower case and without the last dot.

    Both methods answer from memory: they are called between the packets of a boot, and must not block.
    """

    def lookup(self, name: str) -> Sequence[IPv4Address]:
        """The addresses of a host or alias; empty if it is not ours."""
        ...

    def reverse(self, address: IPv4Address) -> str | None:
        """The name of the host with this address, or None if it is not ours."""
        ...


@dataclass(frozen=True, slots=True)
class StaticZone:
    """Names from a list: the zone of ``python -m netboot``."""

    hosts: Mapping[str, IPv4Address]

    def lookup(self, name: str) -> Sequence[IPv4Address]:
        return [self.hosts[name]] if name in self.hosts else []

    def reverse(self, address: IPv4Address) -> str | None:
        """The first name with this address."""
        return next((name for name, listed in self.hosts.items() if listed == address), None)
