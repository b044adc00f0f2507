"""Keeps an HTTP server to the named interfaces, although it binds its sockets itself and to no interface.

The kernel drops what comes by another one, static files' requests too, which no code of ours sees. A thread
in the process that listens: finds the listening sockets, and follows the interfaces as they come and go.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from netboot import sockets
from netboot.http.connections import borrowed, descriptors
from netboot.interfaces import Changes, Scope, present

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROBE = 0.02
"""Seconds between two looks for the sockets, until the server has opened them."""


def confine(port: int, scope: Scope) -> None:
    """Confine the sockets of this process that listen at ``port``, and those to come, until it ends."""
    if scope.interfaces:
        threading.Thread(target=_follow, args=(port, scope), name="confine", daemon=True).start()


def _follow(port: int, scope: Scope) -> None:
    changes = Changes()
    done: set[tuple[int, frozenset[int]]] = set()
    while True:
        changes.drain()
        arrivals = scope.arrivals(present()) or frozenset()
        for inode, listening in _listening(port):
            if (inode, arrivals) not in done:
                sockets.confine(listening, arrivals)
                done.add((inode, arrivals))
        select.select([changes], [], [], None if done else _PROBE)


def _listening(port: int) -> Iterator[tuple[int, socket.socket]]:
    """Our own listening sockets, borrowed until the next one, with the inode of each."""
    for descriptor in descriptors():
        with suppress(OSError), borrowed(descriptor) as found:
            if found is not None and _listens(found, port):
                yield os.fstat(descriptor).st_ino, found


def _listens(found: socket.socket, port: int) -> bool:
    if found.family is not socket.AF_INET or not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return False
    return sockets.port_of(found) == port
