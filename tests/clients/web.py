"""``clonesys serve --only http`` on loopback: a real appliance's HTTP, to be killed and started again."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Self

import httpx

from tests.lab.daemon import Daemon
from tests.lab.waiting import Deadline, until

CLONESYS = Path(sys.executable).with_name("clonesys")


class Web(Daemon):
    """One server. Entering waits until it answers; without a ``port`` it takes a free one."""

    def __init__(self, home: Path, log: Path, port: int = 0) -> None:
        self.port = port or free_port()
        listen = f"127.0.0.1:{self.port}"
        super().__init__((CLONESYS, "--home", home, "serve", "--only", "http", "--http-listen", listen), log)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def answers(self) -> bool:
        """Whether it serves."""
        try:
            return httpx.get(f"{self.url}/api/v1/health", timeout=5).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    @property
    def listens(self) -> bool:
        """Whether anybody takes connections on its port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self) -> Self:
        self.start()
        try:
            until(lambda: self.answers or not self.running, Deadline.within(60), "the appliance")
            assert self.running, self.tail()
        except BaseException:
            self.stop()
            raise
        return self


def free_port() -> int:
    """One that nobody uses just now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
