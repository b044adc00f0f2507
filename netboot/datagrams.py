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
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from netboot.errors import ProtocolError
from netboot.sockets import ANY, IP_PKTINFO

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

log = logging.getLogger(__name__)

_LARGEST = 65535
_PKTINFO = struct.Struct("=I4s4s")
"""struct in_pktinfo: interface index, our address, destination of the packet."""
_BURST = 64
"""Packets taken from a socket before other work gets its turn."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """A received packet: where from, and at which of our addresses and interfaces (index)."""

    data: bytes
    source: tuple[str, int]
    local: IPv4Address
    interface: int


async def serve_datagrams(
    opened: socket.socket, handle: Callable[[Datagram], Awaitable[None]], *, at_once: int
) -> None:
    """Run ``handle`` for each packet that arrives at ``opened``, until cancelled.

    At most ``at_once`` run at the same time; packets beyond that are dropped, as on a full
    network: clients ask again. ``handle`` raises ProtocolError for a bad packet.
    """
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(opened, arrived.set)  # level-triggered: set again while packets wait
    running: set[asyncio.Task[None]] = set()
    try:
        async with asyncio.TaskGroup() as tasks:
            while True:
                await arrived.wait()
                arrived.clear()
                for datagram in _waiting(opened):
                    if len(running) < at_once:
                        task = tasks.create_task(_handled(handle, datagram))
                        running.add(task)
                        task.add_done_callback(running.discard)
    finally:
        loop.remove_reader(opened)


async def _handled(handle: Callable[[Datagram], Awaitable[None]], datagram: Datagram) -> None:
    try:
        await handle(datagram)
    except ProtocolError as error:
        log.debug("%s: %s", datagram.source[0], error)


def _waiting(opened: socket.socket) -> Iterator[Datagram]:
    for _ in range(_BURST):
        datagram = receive(opened)
        if datagram is None:
            return
        yield datagram


def receive(opened: socket.socket) -> Datagram | None:
    """The next waiting packet, or None. Errors of earlier packets (ICMP) are swallowed."""
    try:
        data, control, _, source = opened.recvmsg(_LARGEST, socket.CMSG_SPACE(_PKTINFO.size))
    except (BlockingIOError, ConnectionError, InterruptedError):
        return None
    for level, kind, value in control:
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
            interface, local, _ = _PKTINFO.unpack(value)
            return Datagram(data, source, IPv4Address(local), interface)
    return Datagram(data, source, ANY, 0)


def reply(opened: socket.socket, data: bytes, asked: Datagram, to: tuple[str, int] | None = None) -> None:
    """Send ``data`` from the address and interface at which ``asked`` arrived; back to its sender, or ``to``.

    A packet that cannot be sent (network down, buffer full) is lost like any other packet.
    """
    info = _PKTINFO.pack(asked.interface, asked.local.packed, bytes(4))
    try:
        opened.sendmsg([data], [(socket.IPPROTO_IP, IP_PKTINFO, info)], 0, to or asked.source)
    except OSError:
        return
