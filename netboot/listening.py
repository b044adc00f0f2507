"""Where the services listen, and how that follows the machine's interfaces while they run.

What was asked for (a :class:`netboot.interfaces.Scope`) is compared with what there is, at the start and
whenever an interface or an address comes or goes: sockets that are missing are opened, sockets of what is
gone are closed. What cannot be served is said once, in words, and tried again.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netboot import sockets
from netboot.interfaces import ANY, LOOPBACK, Changes, Interface, Scope, present

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from ipaddress import IPv4Address

    from netboot.errors import NetbootError

log = logging.getLogger(__name__)

_RETRY = 5.0
"""Seconds after which what could not be opened is tried again: the holder of a port does not say goodbye."""
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Place:
    """Where one socket is: at an address of ours, or for all that arrives by an interface, broadcasts too."""

    address: IPv4Address
    interface: Interface | None = None

    def __str__(self) -> str:
        return self.interface.name if self.interface else str(self.address)


class Port:
    """The sockets of one service: one port number, at each :class:`Place` that is served.

    Args:
        name: what people call the service.
        number: 0 lets the kernel choose one, the same for all places.
        like: the port whose number this one takes, as DNS has one for UDP and TCP.
        kind: UDP or TCP.
        broadcasts: whether clients broadcast to it. A socket with an address does not hear that, so
            there is one for each interface; else one for each address, which disturbs fewer neighbours:
            the machine may have a DNS of its own at other addresses.
    """

    def __init__(
        self,
        name: str,
        number: int,
        kind: socket.SocketKind = socket.SOCK_DGRAM,
        *,
        broadcasts: bool = False,
        like: Port | None = None,
    ) -> None:
        self.name = name
        self._number = number
        self._like = like
        self.kind = kind
        self.arrivals: frozenset[int] | None = None
        self._broadcasts = broadcasts
        self._open: dict[Place, socket.socket] = {}
        self._join: Callable[[socket.socket], None] = lambda _: None
        self._leave: Callable[[socket.socket], object] = lambda _: None

    @property
    def number(self) -> int:
        """The port number; 0 as long as there is none yet."""
        return self._like.number if self._like else self._number

    @property
    def places(self) -> tuple[Place, ...]:
        """Where it is served now."""
        return tuple(self._open)

    def add(self, place: Place, opened: socket.socket) -> None:
        """Take a bound socket, and have it attended."""
        if self.kind is socket.SOCK_STREAM:
            opened.listen(_BACKLOG)
        self._number = sockets.port_of(opened)
        self._open[place] = opened
        self._join(opened)

    def close(self, *places: Place) -> None:
        """Close the sockets at these places; all without any."""
        for place in places or self.places:
            opened = self._open.pop(place)
            self._leave(opened)
            opened.close()

    @contextmanager
    def attended(
        self, join: Callable[[socket.socket], None], leave: Callable[[socket.socket], object]
    ) -> Iterator[None]:
        """Call ``join`` for each socket, those to come too; ``leave`` when it is closed, or at the end."""
        self._join, self._leave = join, leave
        for opened in self._open.values():
            join(opened)
        try:
            yield
        finally:
            for opened in self._open.values():
                leave(opened)
            self._join = self._leave = lambda _: None

    def wanted(self, scope: Scope, machine: Sequence[Interface]) -> dict[Place, None]:
        """Where it should be served. Pure."""
        if self._broadcasts:
            plain = (Interface(one.name, one.index) for one in scope.served(tuple(machine)))
            return dict.fromkeys(Place(ANY, one) for one in plain)
        return dict.fromkeys(map(Place, scope.addresses(tuple(machine))))

    def confine(self, arrivals: frozenset[int] | None) -> None:
        """Serve only what arrives by these interfaces."""
        self.arrivals = arrivals
        if self.kind is socket.SOCK_STREAM and arrivals is not None:
            for opened in self._open.values():
                sockets.confine(opened, arrivals)


class Listening:
    """Keeps ``ports`` open where ``scope`` wants them; ``say`` is told what is not served, and what is."""

    def __init__(self, scope: Scope, ports: Sequence[Port], say: Callable[[str], None]) -> None:
        self._scope = scope
        self._ports = ports
        self._say = say
        self._troubles: dict[tuple[str, Place], NetbootError] = {}
        self._notes: dict[str, str] = {}

    def start(self) -> None:
        """Open everything. Raises NetbootError, leaving nothing open, if what was asked for cannot be served.

        Without names and address "everything" is what can be served: a port that another program
        holds on one network (libvirt's, for its own) is no reason to leave the others alone.
        """
        machine = present()
        try:
            self._scope.check(machine)
            self._update(machine)
            self._judge()
        except BaseException:
            self.close()
            raise
        self._tell(machine)

    async def follow(self) -> None:
        """Until cancelled: look again whenever something changes."""
        changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        changes = Changes()
        loop.add_reader(changes, changed.set)
        try:
            while True:
                changes.drain()
                changed.clear()
                machine = present()
                self._update(machine)
                self._tell(machine)
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), _RETRY)
        finally:
            loop.remove_reader(changes)
            changes.close()

    def close(self) -> None:
        """Close every socket."""
        for port in self._ports:
            port.close()

    def _update(self, machine: Sequence[Interface]) -> None:
        arrivals = self._scope.arrivals(tuple(machine))
        for port in self._ports:
            wanted = port.wanted(self._scope, machine)
            gone = [place for place in port.places if place not in wanted]
            if gone:
                port.close(*gone)
            for place in wanted:
                if place not in port.places:
                    self._open(port, place)
            port.confine(arrivals)
            self._forget(port, wanted)

    def _open(self, port: Port, place: Place) -> None:
        key = (port.name, place)
        where = (place.address, port.number, place.interface.name if place.interface else None)
        try:
            port.add(place, sockets.bound(port.kind, *where))
        except OSError as error:
            if key not in self._troubles:  # looking for the holder of a port takes a while
                self._troubles[key] = sockets.explained(error, port.kind, *where)
        else:
            self._troubles.pop(key, None)

    def _forget(self, port: Port, wanted: dict[Place, None]) -> None:
        for key in [key for key in self._troubles if key[0] == port.name and key[1] not in wanted]:
            del self._troubles[key]

    def _judge(self) -> None:
        asked_for = self._scope.interfaces or int(self._scope.listen)
        for port in self._ports:
            troubles = [trouble for (name, _), trouble in self._troubles.items() if name == port.name]
            if troubles and (asked_for or all(map(_is_loopback, port.places))):
                raise troubles[0]

    def _tell(self, machine: Sequence[Interface]) -> None:
        notes = dict(self._found(machine))
        for subject, text in notes.items():
            if self._notes.get(subject) != text:
                self._say(text)
        for subject in self._notes:
            if subject not in notes:
                self._say(f"{subject} is served again")
        self._notes = notes

    def _found(self, machine: Sequence[Interface]) -> Iterator[tuple[str, str]]:
        """What is not served, by what it is about."""
        there = {one.name: one for one in machine}
        for name in self._scope.interfaces:
            if name not in there:
                yield name, f"{name} is gone: it is not served until it is back"
            elif not there[name].addresses:
                yield name, f"{name} has no IPv4 address: it is not served until it has one"
        listen = self._scope.listen
        if int(listen) and not self._scope.addresses(tuple(machine)):
            yield (
                str(listen),
                f"{listen} is no address of this machine now: it is not served until it is again",
            )
        for (name, place), trouble in self._troubles.items():
            if not _is_loopback(place):  # no machine boots from there
                yield f"{name} on {place}", f"{name} on {place} is not served: {trouble}"


def _is_loopback(place: Place) -> bool:
    return place.address.is_loopback or (place.interface is not None and place.interface.name == LOOPBACK)
