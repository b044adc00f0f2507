"""The one loop in which the services receive UDP packets, and the packets with their addresses.

The law of the loop: a bad packet never ends it; a bug ends the service loudly.

A machine has to be answered from, and told, the address at which it can reach
us; on a server with several networks that differs per packet (IP_PKTINFO, ip(7)).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from netboot import routes
from netboot.errors import ProtocolError
from netboot.sockets import ANY, IP_PKTINFO

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from netboot.listening import Port

log = logging.getLogger(__name__)

_LARGEST = 65535
_PKTINFO = struct.Struct("=I4s4s")
"""struct in_pktinfo: interface index, our address, destination of the packet."""
_BURST = 64
"""Packets taken from a socket before other work gets its turn."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """A received packet.

    Attributes:
        data: what is in it.
        source: the sender's address and port.
        local: our address at which the sender reaches us; 0.0.0.0 if the interface has none.
        interface: by which interface it arrived (index).
        destination: the address it was sent to: ``local``, or a broadcast.
        by: the socket that received it, and that sends the answer.
    """

    data: bytes
    source: tuple[str, int]
    local: IPv4Address
    interface: int
    destination: IPv4Address = ANY
    by: socket.socket | None = field(default=None, repr=False, compare=False)

    @property
    def broadcast(self) -> bool:
        """Whether it was sent to all."""
        return self.destination != self.local


async def receive_datagrams(port: Port, take: Callable[[Datagram], None]) -> None:
    """Call ``take`` for each packet that arrives at ``port``, until cancelled.

    For answers that need no waiting: no task, no thread. ``take`` raises ProtocolError for a bad packet.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def readable(opened: socket.socket) -> None:
        try:
            _take_waiting(port, opened, take)
        except Exception as error:  # noqa: BLE001 - raised below, where it ends the service
            if not ended.done():
                ended.set_exception(error)

    # Level-triggered: called again while packets wait.
    with port.attended(lambda opened: loop.add_reader(opened, readable, opened), loop.remove_reader):
        await ended


async def serve_datagrams(port: Port, handle: Callable[[Datagram], Awaitable[None]], *, at_once: int) -> None:
    """Run ``handle`` for each packet that arrives at ``port``, until cancelled.

    At most ``at_once`` run at the same time; packets beyond that are dropped, as on a full
    network: clients ask again. ``handle`` raises ProtocolError for a bad packet.
    """
    running: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as tasks:

        def take(datagram: Datagram) -> None:
            if len(running) < at_once:
                task = tasks.create_task(_handled(handle, datagram))
                running.add(task)
                task.add_done_callback(running.discard)

        await receive_datagrams(port, take)


async def _handled(handle: Callable[[Datagram], Awaitable[None]], datagram: Datagram) -> None:
    try:
        await handle(datagram)
    except ProtocolError as error:
        log.debug("%s: %s", datagram.source[0], error)


def _take_waiting(port: Port, opened: socket.socket, take: Callable[[Datagram], None]) -> None:
    for _ in range(_BURST):
        datagram = receive(opened)
        if datagram is None:
            return
        if port.arrivals is not None and datagram.interface not in port.arrivals:
            continue  # for an address of ours, by a network that is not served
        try:
            take(datagram)
        except ProtocolError as error:
            log.debug("%s: %s", datagram.source[0], error)


def receive(opened: socket.socket) -> Datagram | None:
    """The next waiting packet, or None. Errors of earlier packets (ICMP) and of the network are swallowed."""
    try:
        data, control, _, source = opened.recvmsg(_LARGEST, socket.CMSG_SPACE(_PKTINFO.size))
    except OSError:
        return None
    for level, kind, value in control:
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
            interface, local, destination = _PKTINFO.unpack(value)
            return Datagram(data, source, IPv4Address(local), interface, IPv4Address(destination), opened)
    return Datagram(data, source, ANY, 0, ANY, opened)


def reply(asked: Datagram, data: bytes, to: tuple[str, int] | None = None) -> bool:
    """Send ``data`` from the address at which ``asked`` arrived; back to its sender, or ``to``.

    A broadcast goes out where ``asked`` came in, all else by the routing table. A packet that
    cannot be sent (network down, buffer full) is lost like any other packet; False then.
    """
    if asked.by is None:
        return False
    host, port = to or asked.source
    address = IPv4Address(host)
    everyone = address == BROADCAST
    way = asked.interface if everyone else routes.interface_to(address, asked.local) or asked.interface
    info = _PKTINFO.pack(way, asked.local.packed, bytes(4))
    try:
        asked.by.sendmsg([data], [(socket.IPPROTO_IP, IP_PKTINFO, info)], 0, (host, port))
    except OSError:
        return False
    return True


BROADCAST = IPv4Address("255.255.255.255")
