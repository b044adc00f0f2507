"""An appliance's HTTP part as a process: ``clonesys serve --only http``, killed and started again at will."""

from __future__ import annotations

import socket
import sys
import urllib.request
from pathlib import Path
from typing import Self

from tests.lab.daemon import Daemon
from tests.lab.waiting import Deadline, until

CLONESYS = Path(sys.executable).with_name("clonesys")


class HttpPart:
    """A context manager; always at the same address, also after a restart."""

    def __init__(self, home: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        where = ("--only", "http", "--http-listen", f"127.0.0.1:{self.port}")
        self._daemon = Daemon((CLONESYS, "--home", home, "serve", *where), home.with_name("serve.log"))

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return when it answers."""
        self._daemon.start()
        until(self._answers, Deadline.within(60), f"an answer\n{self._daemon.tail()}", every=0.05)

    def stop(self) -> None:
        """End it cleanly."""
        assert self._daemon.stop() == 0, self._daemon.tail()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._daemon.stop()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/health", timeout=5) as answer:  # noqa: S310 - our own
                return bool(answer.status == 200)
        except OSError:
            return False
