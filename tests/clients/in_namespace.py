"""HTTP to a server in another network namespace, and the way into one.

A socket belongs to the namespace in which its thread was when it was made. So the thread goes there for just
that moment; everything else of this process stays where it is. What firmware sends from there, broadcasts
through one interface, is in ``namespace_sockets``.
"""

from __future__ import annotations

import ctypes
import http.client
import os
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CLONE_NEWNET = 0x40000000
"""<linux/sched.h>, for setns(2), which Python has only from 3.12 on."""

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread, for the body's time, in a network namespace made by ``ip netns``."""
    with Path("/proc/thread-self/ns/net").open() as home, Path("/run/netns", namespace).open() as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


class Connection(http.client.HTTPConnection):
    """HTTP to a server in (or reachable from) a namespace."""

    def __init__(self, namespace: str, address: str, port: int, timeout: float = 10) -> None:
        super().__init__(address, port, timeout=timeout)
        self._namespace = namespace

    def connect(self) -> None:
        """Connect from inside the namespace. Raises OSError like any connection."""
        with inside(self._namespace):
            self.sock = socket.create_connection((self.host, self.port), self.timeout)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
