"""Sockets for services that must know on which of our addresses a packet arrived.

A machine has to be answered from, and told, the address at which it can reach
us; on a server with several networks that differs per packet (IP_PKTINFO,
ip(7)). Linux only. Knows no protocol above UDP and TCP.
"""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from netboot import ports
from netboot.errors import NetbootError

ANY = IPv4Address(0)
_IP_PKTINFO = 8
"""linux/in.h; the socket module has it only since Python 3.14."""
_LARGEST = 65535
_PKTINFO = struct.Struct("=I4s4s")
"""struct in_pktinfo: interface index, our address, destination of the packet."""
_WAITING_BYTES = 1 << 20
"""Receive buffer: a rack that is powered on at once must not be dropped by the kernel."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """A received packet: where from, and at which of our addresses and interfaces (index)."""

    data: bytes
    source: tuple[str, int]
    local: IPv4Address
    interface: int


def open_udp(address: IPv4Address, port: int, interface: str | None = None) -> socket.socket:
    """A non-blocking UDP socket that may broadcast and tells local addresses.

    ``interface`` confines it to one network. Raises NetbootError, naming the process
    that holds the port where that is the trouble.
    """
    return _open(socket.SOCK_DGRAM, address, port, interface)


def open_tcp(address: IPv4Address, port: int, interface: str | None = None) -> socket.socket:
    """A non-blocking TCP socket, bound but not yet listening. Raises NetbootError as ``open_udp``."""
    return _open(socket.SOCK_STREAM, address, port, interface)


def port_of(opened: socket.socket) -> int:
    """The port a socket is bound to, which the kernel has chosen if it was opened with 0."""
    port: int = opened.getsockname()[1]
    return port


def receive(opened: socket.socket) -> Datagram | None:
    """The next waiting packet, or None. Errors of earlier packets (ICMP) are swallowed."""
    try:
        data, control, _, source = opened.recvmsg(_LARGEST, socket.CMSG_SPACE(_PKTINFO.size))
    except (BlockingIOError, ConnectionError, InterruptedError):
        return None
    for level, kind, value in control:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            interface, local, _ = _PKTINFO.unpack(value)
            return Datagram(data, source, IPv4Address(local), interface)
    return Datagram(data, source, ANY, 0)


def send(opened: socket.socket, data: bytes, to: tuple[str, int], came: Datagram) -> None:
    """Send through the interface and from the address at which ``came`` arrived.

    A packet that cannot be sent (network down, buffer full) is lost like any other packet.
    """
    info = _PKTINFO.pack(came.interface, came.local.packed, bytes(4))
    try:
        opened.sendmsg([data], [(socket.IPPROTO_IP, _IP_PKTINFO, info)], 0, to)
    except OSError:
        return


def _open(kind: socket.SocketKind, address: IPv4Address, port: int, interface: str | None) -> socket.socket:
    opened = socket.socket(socket.AF_INET, kind)
    try:
        _prepare(opened, kind, interface)
        opened.bind((str(address), port))
    except OSError as error:
        opened.close()
        raise _explained(error, kind, address, port, interface) from error
    return opened


def _prepare(opened: socket.socket, kind: socket.SocketKind, interface: str | None) -> None:
    opened.setblocking(False)  # noqa: FBT003 - the library's signature
    if interface is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    if kind is socket.SOCK_DGRAM:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        opened.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WAITING_BYTES)
    else:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def _explained(
    error: OSError, kind: socket.SocketKind, address: IPv4Address, port: int, interface: str | None
) -> NetbootError:
    what = ports.describe(kind, port)
    match error.errno:
        case errno.EADDRINUSE:
            who = ports.holder(kind, port) or "a process that cannot be seen from here"
            return NetbootError(f"{what} is taken by {who}", "stop it, or choose another port or address")
        case errno.EACCES | errno.EPERM:
            return NetbootError(f"{what} may not be opened: {error.strerror}", "run as root")
        case errno.EADDRNOTAVAIL:
            return NetbootError(f"{address} is no address of this machine", "see 'ip -4 address'")
        case errno.ENODEV:
            return NetbootError(f"there is no network interface {interface}", "see 'ip link'")
        case _:
            return NetbootError(f"{what} at {address} cannot be opened: {error}")
