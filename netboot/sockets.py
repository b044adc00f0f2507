"""Opening the sockets of the services, and saying what is in the way when that fails.

Linux only. Knows no protocol above UDP and TCP. Which sockets a service has, :mod:`netboot.listening` says.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import psutil

from netboot.errors import NetbootError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ANY = IPv4Address(0)
IP_PKTINFO = 8
"""linux/in.h: tell, and choose, the local address of a packet. In the socket module since Python 3.14."""
_RECEIVE_BUFFER = 4 << 20
"""Bytes: thousands of machines that are powered on at once must not be dropped by the kernel."""
_SO_RCVBUFFORCE = 33
"""asm-generic/socket.h: beyond net.core.rmem_max, which has room for some hundred packets only."""
_SO_ATTACH_FILTER = 26
_COMMAND_LINE = 120
"""Characters of a process's command line that are shown."""
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
    try:
        return bound(kind, address, port, interface)
    except OSError as error:
        raise explained(error, kind, address, port, interface) from error


def bound(kind: socket.SocketKind, address: IPv4Address, port: int, interface: str | None) -> socket.socket:
    """The same for either kind, without a word for people. Raises OSError, for :func:`explained`."""
    opened = socket.socket(socket.AF_INET, kind)
    try:
        _prepare(opened, kind, interface)
        opened.bind((str(address), port))
    except OSError:
        opened.close()
        raise
    return opened


def confine(opened: socket.socket, interfaces: Iterable[int]) -> None:
    """Let ``opened`` hear only what arrives by these interfaces (indexes); may be called again.

    For listening TCP sockets, which cannot be told where a connection comes from: bound to one
    interface they hear that one only, and Linux takes packets for any address of ours on any interface.
    Raises NetbootError without the right to do so: else it would be served where it must not be.
    """
    # Classic BPF, linux/filter.h: load the arrival interface; for each: if equal, take the packet; drop.
    indexes = tuple(interfaces)
    program = [(0x20, 0, 0, 0xFFFFF000 + 8)]  # ld [SKF_AD_OFF + SKF_AD_IFINDEX]
    program += [(0x15, len(indexes) - at, 0, index) for at, index in enumerate(indexes)]  # jeq, to the last
    program += [(0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF)]  # ret nothing; ret all
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    filled = struct.pack("@HP", len(program), ctypes.addressof(code))
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filled)
    except PermissionError as error:
        raise NetbootError(
            f"TCP may not be kept to the named interfaces: {error.strerror}",
            "run as root with CAP_NET_ADMIN (a container needs it added), or serve without --interface",
        ) from error


def check_confining(interfaces: Iterable[int]) -> None:
    """Try it. Raises NetbootError."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        confine(opened, interfaces)


def _prepare(opened: socket.socket, kind: socket.SocketKind, interface: str | None) -> None:
    opened.setblocking(False)  # noqa: FBT003 - the library's signature
    if interface is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    if kind is socket.SOCK_DGRAM:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        opened.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        _enlarge(opened)
    else:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def _enlarge(opened: socket.socket) -> None:
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except PermissionError:  # without CAP_NET_ADMIN: as much as everybody gets
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)


def explained(
    error: OSError, kind: socket.SocketKind, address: IPv4Address, port: int, interface: str | None
) -> NetbootError:
    """What is in the way, and what to do. Looks for the holder of a port, which takes a while."""
    what = f"{_PROTOCOLS.get(kind, kind.name)} port {port}"
    match error.errno:
        case errno.EADDRINUSE:
            holder = _holder(kind, port) or "a process that cannot be seen from here"
            return NetbootError(
                f"{what} is taken by {holder}", "stop it, or name the interfaces to serve: --interface NAME"
            )
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
    pids = set(_pids(kind, port))
    return ", ".join(sorted(map(_process, pids - {os.getpid()} or pids)))


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
        words = " ".join(process.cmdline()) or "no command line"
        return f"{process.name()} (pid {pid}: {words:.{_COMMAND_LINE}})"
    except psutil.Error:
        return f"pid {pid}"
