"""Our hosts' names for DNS: every name and alias with the address of its last authenticated contact.

Questions are answered from a copy in memory; a thread of its own looks at the database every few seconds. A
database that does not answer leaves the names as they were.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address
from typing import Self

from provisioner.database.engine import Database
from provisioner.hosts.registry import names_with_addresses

log = logging.getLogger(__name__)

REFRESH = 5.0
"""Seconds between two looks at the database. Answers are kept for a minute anyway (their TTL)."""


def bare_name(name: str, domain: str) -> str | None:
    """The host's label in ``name``, which is bare or in our domain; None if it is neither. Pure."""
    label, dot, rest = name.partition(".")
    if not dot:
        return label
    return label if domain and rest == domain else None


@dataclass(frozen=True, slots=True)
class Names:
    """What was known at one moment: addresses by name, and the first name by address."""

    addresses: Mapping[str, Sequence[IPv4Address]] = field(default_factory=dict)
    hosts: Mapping[IPv4Address, str] = field(default_factory=dict)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Names:
        """Of ``(name, address)``; what is no IPv4 address is left out. Pure."""
        addresses: dict[str, list[IPv4Address]] = {}
        hosts: dict[IPv4Address, str] = {}
        for name, text in pairs:
            try:
                address = IPv4Address(text)
            except AddressValueError:
                log.debug("%s has no IPv4 address: %s", name, text)
                continue
            addresses.setdefault(name, []).append(address)
            hosts.setdefault(address, name)
        return cls(addresses, hosts)


class HostZone:
    """A :class:`netboot.dns.zone.Zone` over the hosts of one appliance.

    Entering it looks at the database, and goes on doing so in the background.
    """

    def __init__(self, database: Database, domain: str) -> None:
        self._database = database
        self._domain = domain
        self._names = Names()
        self._failing = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="zone", daemon=True)

    def __enter__(self) -> Self:
        self.refresh()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()

    def lookup(self, name: str) -> Sequence[IPv4Address]:
        """The addresses of a host or alias; empty if it is not ours."""
        label = bare_name(name, self._domain)
        return self._names.addresses.get(label, ()) if label is not None else ()

    def reverse(self, address: IPv4Address) -> str | None:
        """The name of the host that was last heard from ``address``."""
        name = self._names.hosts.get(address)
        return f"{name}.{self._domain}" if name and self._domain else name

    def refresh(self) -> None:
        """Look at the database; if that fails, say so once, and keep what is known."""
        try:
            self._names = Names.of(names_with_addresses(self._database))
            self._failing = False
        except Exception as error:  # whatever is wrong with it, machines boot without names
            if not self._failing:
                log.warning("DNS: names stay as they are, the database does not answer: %s", error)
                log.debug("the reason", exc_info=True)
            self._failing = True

    def _run(self) -> None:
        while not self._closed.wait(REFRESH):
            self.refresh()
