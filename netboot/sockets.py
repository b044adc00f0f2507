"""Opening the sockets of the services, and saying what is in the way when that fails.

Linux only. Knows no protocol above UDP and TCP.
"""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import psutil

from netboot.errors import NetbootError

if TYPE_CHECKING:
    from collections.abc import Iterator

ANY = IPv4Address(0)
IP_PKTINFO = 8
"""linux/in.h: tell, and choose, the local address of a packet. In the socket module since Python 3.14."""
_RECEIVE_BUFFER = 1 << 20
"""Bytes: a rack that is powered on at once must not be dropped by the kernel."""
_PROTOCOLS = {socket.SOCK_DGRAM: "UDP", socket.SOCK_STREAM: "TCP"}


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
        opened.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    else:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def _explained(
    error: OSError, kind: socket.SocketKind, address: IPv4Address, port: int, interface: str | None
) -> NetbootError:
    what = f"{_PROTOCOLS.get(kind, kind.name)} port {port}"
    match error.errno:
        case errno.EADDRINUSE:
            holder = _holder(kind, port) or "a process that cannot be seen from here"
            return NetbootError(f"{what} is taken by {holder}", "stop it, or choose another port or address")
        case errno.EACCES | errno.EPERM:
            return NetbootError(f"{what} may not be opened: {error.strerror}", "run as root")
        case errno.EADDRNOTAVAIL:
            return NetbootError(f"{address} is no address of this machine", "see 'ip -4 address'")
        case errno.ENODEV:
            return NetbootError(f"there is no network interface {interface}", "see 'ip link'")
        case _:
            return NetbootError(f"{what} at {address} cannot be opened: {error}")


def _holder(kind: socket.SocketKind, port: int) -> str:
    """The processes that hold ``port``, as ``dnsmasq (pid 17: dnsmasq -d)``; empty if none can be seen.

    Seeing other users' processes takes root; sockets of other network namespaces are never seen.
    """
    return ", ".join(sorted({_process(pid) for pid in _pids(kind, port)}))


def _pids(kind: socket.SocketKind, port: int) -> Iterator[int]:
    try:
        connections = psutil.net_connections("udp" if kind is socket.SOCK_DGRAM else "tcp")
    except psutil.AccessDenied:
        return
    for connection in connections:
        listens = kind is socket.SOCK_DGRAM or connection.status == psutil.CONN_LISTEN
        if connection.laddr and connection.laddr.port == port and connection.pid and listens:
            yield connection.pid


def _process(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        return f"{process.name()} (pid {pid}: {' '.join(process.cmdline()) or 'no command line'})"
    except psutil.Error:
        return f"pid {pid}"
