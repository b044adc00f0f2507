"""The TCP connections of this process at its HTTP port, as the kernel knows them. Linux only.

The HTTP server (granian) tells an application where it listens, which is 0.0.0.0 as a rule, not at which of
our addresses a connection came in; and it has no limit of connections for one client. Its sockets are
descriptors of this process, so both can be asked of the kernel: getsockname(2), and TCP_INFO (tcp(7)).
"""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from netboot.http.query import literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import HTTPConnection

_DESCRIPTORS = Path("/proc/self/fd")
_INFO = struct.Struct("=44xI4xI")
"""Of ``struct tcp_info`` (linux/tcp.h): milliseconds since data was last sent, and received."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection. ``silent`` is for how many seconds no data went either way."""

    descriptor: int
    local: tuple[str, int]
    peer: tuple[str, int]
    silent: float


def connections(port: int) -> Iterator[Connection]:
    """All connections that clients have made to ``port``."""
    for descriptor in descriptors():
        with borrowed(descriptor) as found:
            if found is None or found.family != socket.AF_INET or found.type != socket.SOCK_STREAM:
                continue
            try:
                local, peer = found.getsockname(), found.getpeername()
                sent, received = _INFO.unpack(
                    found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
                )
            except OSError:  # it listens, or has just been closed
                continue
            if local[1] == port:
                yield Connection(descriptor, local, peer, min(sent, received) / 1000)


def end(connection: Connection) -> bool:
    """Let a connection end for both sides; whether it was still there."""
    with borrowed(connection.descriptor) as found:
        try:
            if found is None or found.getpeername() != connection.peer:
                return False
            found.shutdown(socket.SHUT_RDWR)
        except OSError:
            return False
        return True


def own_address(peer: tuple[str, int] | None, listening: IPv4Address | None) -> IPv4Address | None:
    """At which address of ours a client has reached us; None if that cannot be known.

    ``listening`` is where the server listens; None or 0.0.0.0 is everywhere. Never what the client says: what
    is made of this is signed, and run by machines.
    """
    if listening is not None and int(listening):
        return listening
    if peer is None:
        return None
    for descriptor in descriptors():
        with borrowed(descriptor) as found:
            try:
                if found is not None and found.family == socket.AF_INET and found.getpeername() == peer:
                    return IPv4Address(found.getsockname()[0])
            except OSError:
                continue
    return None


def reached(request: HTTPConnection) -> IPv4Address | None:
    """The same for a request."""
    server, client = request.scope.get("server"), request.client
    listening = literal(server[0]) if server else None
    # granian gives the port as text
    return own_address((client.host, int(client.port)) if client else None, listening)


def descriptors() -> list[int]:
    """Of this process; the latest first, as a rule: the kernel gives out the lowest number that is free."""
    return sorted((int(entry.name) for entry in _DESCRIPTORS.iterdir()), reverse=True)


@contextmanager
def borrowed(descriptor: int) -> Iterator[socket.socket | None]:
    """The socket of a descriptor, while the block runs; None if it is none.

    Never a copy of the descriptor: it may be a file's by now, and to close any descriptor of a file drops all
    locks that the process has on it (fcntl(2)), the database's too.
    """
    try:
        found = socket.socket(fileno=descriptor)
    except OSError:
        yield None
        return
    try:
        yield found
    finally:
        found.detach()  # it is not ours to close
