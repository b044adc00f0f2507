"""An HTTP server for chunks that does to chosen requests what networks and servers do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Trouble = Callable[["Handler", int], bool]
"""Gets the request and its number, from 1; True if it has dealt with it."""


class Handler(SimpleHTTPRequestHandler):
    """Serves files below an appliance's home; asks the trouble first."""

    protocol_version = "HTTP/1.1"
    server: ChunkServer

    def do_GET(self) -> None:
        """One request."""
        with self.server.lock:
            self.server.requests += 1
            number = self.server.requests
        if not self.server.trouble(self, number):
            super().do_GET()

    def truncate(self) -> bool:
        """Promise all of the file, send half of it, hang up."""
        data = self._file()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.close_connection = True
        return True

    def shorten(self) -> bool:
        """Send half of the file as if it were all."""
        data = self._file()
        return self.answer(200, data[: len(data) // 2])

    def flip(self) -> bool:
        """Send it with one bit changed."""
        data = bytearray(self._file())
        data[len(data) // 2] ^= 4
        return self.answer(200, bytes(data))

    def answer(self, status: int, body: bytes = b"") -> bool:
        """Send this."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return True

    def _file(self) -> bytes:
        return Path(self.translate_path(self.path)).read_bytes()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class ChunkServer(ThreadingHTTPServer):
    """See :func:`serving`."""

    daemon_threads = True

    def __init__(self, home: Path, trouble: Trouble) -> None:
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(home)))
        self.trouble, self.requests, self.lock = trouble, 0, threading.Lock()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no error of this server."""


@contextmanager
def serving(home: Path, trouble: Trouble = lambda _request, _number: False) -> Iterator[ChunkServer]:
    """A server of the store in ``home`` for as long as the body runs."""
    with ChunkServer(home, trouble) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
