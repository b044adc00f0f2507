"""An appliance's HTTP as a process: ``clonesys serve --only http`` on loopback, killed and started again."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import httpx
import psutil

from tests.lab.daemon import Daemon
from tests.lab.waiting import Deadline, until

CLONESYS = Path(sys.executable).with_name("clonesys")


class HttpPart(Daemon):
    """One server, always at the same address. Without a ``port`` it takes a free one."""

    def __init__(self, home: Path, log: Path | None = None, port: int = 0, listen: str = "127.0.0.1") -> None:
        self.port = port or _free_port()
        words = ("--home", home, "serve", "--only", "http", "--http-listen", f"{listen}:{self.port}")
        super().__init__((CLONESYS, *words), log or home.with_name("serve.log"))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def listens(self) -> bool:
        """Whether any process takes connections on its port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def family(self) -> list[psutil.Process]:
        """Its processes, workers included."""
        assert self._process is not None
        main = psutil.Process(self._process.pid)
        return [main, *main.children(recursive=True)]

    def start(self, *inherited: int) -> None:
        """Start it, and return when it answers."""
        super().start(*inherited)
        try:
            until(lambda: self._answers() or not self.running, Deadline.within(60), "the appliance")
            assert self.running, self.tail()
        except BaseException:
            self.stop()
            raise

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v1/health", timeout=5).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
