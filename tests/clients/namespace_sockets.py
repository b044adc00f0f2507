"""UDP sockets inside another network namespace, which broadcast through one interface as firmware does.

The way into a namespace is ``in_namespace``'s, whose clients are those of HTTP.
"""

from __future__ import annotations

import socket

from tests.clients.in_namespace import inside


def udp_inside(namespace: str, interface: str, port: int) -> socket.socket:
    """A UDP socket that may broadcast, bound to ``interface`` and ``port`` inside a namespace (root)."""
    with inside(namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    made.bind(("0.0.0.0", port))
    made.settimeout(10)
    return made
