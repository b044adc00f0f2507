"""A booter and a zone without a product behind them: the same boot for everybody, names from a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netboot.model import LocalDisk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Address
    from pathlib import Path

    from netboot.model import Boot, Client, Endpoint


@dataclass(frozen=True, slots=True)
class StaticBooter:
    """Boots every machine alike.

    Attributes:
        roots: directories searched for files, in order.
        boot: what everybody boots.
        named: files that are found under another name than their own.
    """

    roots: tuple[Path, ...]
    boot: Boot = field(default_factory=LocalDisk)
    named: Mapping[str, Path] = field(default_factory=dict)

    def decide(self, client: Client, here: Endpoint) -> Boot:
        """The same for everybody."""
        del client, here
        return self.boot

    def locate(self, name: str) -> Path | None:
        """A named file, else one under the roots; links that leave their root are not followed."""
        if name in self.named:
            return self.named[name]
        for root in self.roots:
            path = (root / name).resolve()
            if path.is_relative_to(root.resolve()) and path.is_file():
                return path
        return None


@dataclass(frozen=True, slots=True)
class StaticZone:
    """Names from a list."""

    hosts: Mapping[str, IPv4Address]

    def lookup(self, name: str) -> Sequence[IPv4Address]:
        """The address of ``name``, if listed."""
        return [self.hosts[name]] if name in self.hosts else []

    def reverse(self, address: IPv4Address) -> str | None:
        """The first name with this address."""
        return next((name for name, listed in self.hosts.items() if listed == address), None)
