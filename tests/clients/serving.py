"""The network services under test: ``python -m netboot`` as a process, or ``serve`` in a thread of ours."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from typing import TYPE_CHECKING, Self

from netboot.service import Ports, Settings, serve
from tests.clients.events import ListSink
from tests.lab.daemon import Daemon
from tests.lab.waiting import Deadline, until

if TYPE_CHECKING:
    from pathlib import Path

    from netboot.booter import Booter
    from netboot.dns.zone import Zone


class Netboot(Daemon):
    """``python -m netboot``; entering waits until it is ready. ``prefix`` is put before the command."""

    def __init__(self, log: Path, *options: str | Path, prefix: tuple[str | Path, ...] = ()) -> None:
        super().__init__((*prefix, sys.executable, "-m", "netboot", *options), log)
        self.ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        self.start()
        ready = re.compile(r"^ready: (.*)$", re.MULTILINE)
        try:
            until(lambda: bool(ready.search(self.said())) or not self.running, Deadline.within(30), "ready")
            words = ready.findall(self.said())
            assert words, f"it ended: {self.tail()}"
        except BaseException:
            self.stop()
            raise
        pairs = (word.split("=") for word in words[0].split())
        self.ports = {name: int(port) for name, port in pairs if port.isdigit()}
        return self

    def said(self) -> str:
        """Everything it has printed."""
        return self.log.read_text("utf-8") if self.log.exists() else ""

    def wait_for(self, text: str) -> None:
        """Wait until it has printed ``text``."""
        until(lambda: text in self.said(), Deadline.within(30), f"{text!r} in\n{self.tail()}")


class Service:
    """``netboot.service.serve`` in a thread, for booters that are made for a test."""

    def __init__(self, settings: Settings, booter: Booter, zone: Zone | None = None) -> None:
        self.sink = ListSink()
        self.ports: Ports | None = None
        self._settings, self._booter, self._zone = settings, booter, zone
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        if self._error:
            self._thread.join()
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive()
        if self._error:
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread of the test
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await serve(
            self._settings, self._booter, self._zone, self.sink, ready=self._is_ready, stop=self._stop
        )

    def _is_ready(self, ports: Ports) -> None:
        self.ports = ports
        self._ready.set()
