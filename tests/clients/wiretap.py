"""Somebody on the boot network who hears everything: a TCP relay in front of a server on loopback."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from typing import Self

PIECE = 1 << 16


class Wiretap:
    """A context manager. Whoever talks to ``url`` talks to the server at ``port``, and is ``heard``."""

    def __init__(self, port: int) -> None:
        self.heard = bytearray()
        tap = self

        class Relay(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                """Both directions, until the agent hangs up."""
                with socket.create_connection(("127.0.0.1", port)) as server:
                    back = threading.Thread(target=tap._pump, args=(server, self.request))
                    back.start()
                    tap._pump(self.request, server)
                    back.join()

        self._relay = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay)
        self._thread = threading.Thread(target=self._relay.serve_forever)

    @property
    def url(self) -> str:
        """Where the agent believes the appliance to be."""
        return f"http://127.0.0.1:{self._relay.server_address[1]}"

    def token(self) -> str:
        """The last bearer token that was heard."""
        found: list[bytes] = re.findall(rb"Bearer (\S+)", bytes(self.heard))
        return found[-1].decode()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        while piece := source.recv(PIECE):
            self.heard += piece
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._relay.shutdown()
        self._relay.server_close()
        self._thread.join()
