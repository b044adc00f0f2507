"""The machine's network interfaces as they are now, which of them are served, and a word when they change.

Linux only. Interfaces come and go: a bridge is made anew by ``netplan apply``, an adapter is unplugged, an
address moves to another machine. Knows no protocol and opens no port.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address

import psutil

from netboot.errors import NetbootError

ANY = IPv4Address(0)
LOOPBACK = "lo"
_RTMGRP_LINK = 1
_RTMGRP_IPV4_IFADDR = 0x10
"""linux/rtnetlink.h: the groups that tell of interfaces and of their IPv4 addresses."""
_LARGEST = 65535


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface. An interface that was made anew has its old name and another ``index``."""

    name: str
    index: int
    addresses: tuple[IPv4Address, ...] = ()


def present() -> tuple[Interface, ...]:
    """All interfaces of this network namespace, with their IPv4 addresses."""
    addresses: dict[str, list[IPv4Address]] = {}
    for label, found in psutil.net_if_addrs().items():
        name = label.partition(":")[0]  # an address may have a label, as in eth0:1
        own = [IPv4Address(one.address) for one in found if one.family is socket.AF_INET]
        addresses.setdefault(name, []).extend(own)
    return tuple(
        Interface(name, index, tuple(addresses.get(name, ()))) for index, name in socket.if_nameindex()
    )


@dataclass(frozen=True, slots=True)
class Scope:
    """What was asked to be served.

    Attributes:
        interfaces: the only interfaces; empty for all.
        listen: the only address of ours; 0.0.0.0 for all.
    """

    interfaces: tuple[str, ...] = ()
    listen: IPv4Address = ANY

    def check(self, all_of_them: tuple[Interface, ...]) -> None:
        """Raise NetbootError for an interface or an address that does not exist: a slip of the hand."""
        names = {interface.name for interface in all_of_them}
        missing = [name for name in self.interfaces if name not in names]
        if missing:
            raise NetbootError(
                f"there is no network interface {missing[0]}", f"there are {', '.join(sorted(names))}"
            )

    def served(self, all_of_them: tuple[Interface, ...]) -> tuple[Interface, ...]:
        """The interfaces on which broadcasts are answered. Pure.

        Without names, those that have an address; with an address and no names, those that have this one.
        """
        if self.interfaces:
            return tuple(one for one in all_of_them if one.name in self.interfaces)
        if int(self.listen):
            return tuple(one for one in all_of_them if self._has(one))
        return tuple(one for one in all_of_them if one.addresses)

    def addresses(self, all_of_them: tuple[Interface, ...]) -> tuple[IPv4Address, ...]:
        """Our addresses at which requests are answered. Pure."""
        if int(self.listen):
            return (self.listen,) if any(self._has(one) for one in all_of_them) else ()
        found = (address for one in self.served(all_of_them) for address in one.addresses)
        return tuple(dict.fromkeys(found))

    def arrivals(self, all_of_them: tuple[Interface, ...]) -> frozenset[int] | None:
        """By which interfaces (indexes) a request to one of our addresses may come; None for any. Pure.

        Linux takes packets for any of its addresses on any interface, so a named interface has to be
        looked at; the machine's own requests come by the loopback.
        """
        if not self.interfaces:
            return None
        return frozenset(
            one.index for one in all_of_them if one.name in self.interfaces or one.name == LOOPBACK
        )

    def _has(self, interface: Interface) -> bool:
        # All of 127.0.0.0/8 belongs to the loopback, ip(7).
        return self.listen in interface.addresses or (self.listen.is_loopback and interface.name == LOOPBACK)


class Changes:
    """Readable (select, asyncio) when an interface or an IPv4 address has come or gone."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.setblocking(False)  # noqa: FBT003 - the library's signature
        self._socket.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR))

    def fileno(self) -> int:
        """For select and asyncio."""
        return self._socket.fileno()

    def drain(self) -> None:
        """Forget what was told: what counts is how things are now (:func:`present`)."""
        try:
            while self._socket.recv(_LARGEST):
                pass
        except BlockingIOError:
            return
        except OSError:  # ENOBUFS: more was told than fits, which is as good as one word
            return

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
