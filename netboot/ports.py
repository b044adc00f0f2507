"""Who holds a port? For the error that a person reads when ours is taken."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = {socket.SOCK_DGRAM: "UDP", socket.SOCK_STREAM: "TCP"}


def describe(kind: socket.SocketKind, port: int) -> str:
    """``UDP port 67``."""
    return f"{_NAMES.get(kind, kind.name)} port {port}"


def holder(kind: socket.SocketKind, port: int) -> str:
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
