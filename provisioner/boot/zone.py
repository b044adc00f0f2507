"""Our hosts' names for DNS: every name and alias with the address it was last seen at."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address

from provisioner.database.engine import Database
from provisioner.hosts.registry import names_with_addresses

log = logging.getLogger(__name__)


def bare_name(name: str, domain: str) -> str | None:
    """The host's label in ``name``, which is bare or in our domain; None if it is neither. Pure."""
    label, dot, rest = name.partition(".")
    if not dot:
        return label
    return label if domain and rest == domain else None


class HostZone:
    """A :class:`netboot.dns.zone.Zone` over the hosts of one appliance."""

    def __init__(self, database: Database, domain: str) -> None:
        self._database = database
        self._domain = domain

    def lookup(self, name: str) -> Sequence[IPv4Address]:
        """The addresses of a host or alias; empty if it is not ours."""
        wanted = bare_name(name, self._domain)
        return [address for name, address in self._known() if name == wanted]

    def reverse(self, address: IPv4Address) -> str | None:
        """The name of the host last seen at ``address``."""
        for name, known in self._known():
            if known == address:
                return f"{name}.{self._domain}" if self._domain else name
        return None

    def _known(self) -> list[tuple[str, IPv4Address]]:
        pairs = []
        for name, text in names_with_addresses(self._database):
            try:
                pairs.append((name, IPv4Address(text)))
            except AddressValueError:
                log.debug("%s has no IPv4 address: %s", name, text)
        return pairs
