"""What the kernel knows of a server's connections: where they came in, and how to end them. Real sockets."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from netboot.http.connections import connections, end, own_address


@dataclass
class Server:
    """A server in this process, and what its clients have opened."""

    port: int
    clients: list[socket.socket]


@pytest.fixture
def server() -> Iterator[Server]:
    """Listening everywhere, reached at three addresses of ours."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("0.0.0.0", 0)))
        port = listener.getsockname()[1]
        clients = []
        for last in (1, 7, 9):
            clients.append(stack.enter_context(socket.create_connection((f"127.0.0.{last}", port))))
            stack.enter_context(listener.accept()[0])
        yield Server(port, clients)


def test_each_connection_tells_where_it_came_in(server: Server) -> None:
    """Not where the server listens, nor what the client would say."""
    found = {connection.peer: connection.local for connection in connections(server.port)}
    assert found == {client.getsockname(): client.getpeername() for client in server.clients}
    for client in server.clients:
        assert own_address(client.getsockname(), IPv4Address(0)) == IPv4Address(client.getpeername()[0])


def test_an_address_that_is_listened_at_needs_no_looking() -> None:
    """And where nothing is known, nothing is guessed."""
    assert own_address(None, IPv4Address("192.0.2.1")) == IPv4Address("192.0.2.1")
    assert own_address(("192.0.2.7", 1), None) is None
    assert own_address(None, None) is None


def test_a_connection_is_ended_for_both_sides(server: Server) -> None:
    """Once; the others go on."""
    ended = server.clients[1]
    (wanted,) = [c for c in connections(server.port) if c.peer == ended.getsockname()]
    assert end(wanted)
    assert ended.recv(1) == b""
    (other,) = [c for c in connections(server.port) if c.peer == server.clients[2].getsockname()]
    with socket.socket(fileno=os.dup(other.descriptor)) as accepted:
        accepted.sendall(b"x")
    assert server.clients[2].recv(1) == b"x"


def test_looking_takes_no_lock_away(server: Server, tmp_path: Path) -> None:
    """Closing any descriptor of a file drops its locks: the database of the same process has some."""
    path = tmp_path / "database"
    with path.open("w") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        list(connections(server.port))
        own_address(("192.0.2.7", 1), None)
        seize = f"import fcntl; fcntl.lockf(open({str(path)!r}, 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        done = subprocess.run([sys.executable, "-c", seize], capture_output=True, text=True, check=False)
    assert "BlockingIOError" in done.stderr
