"""Keeps an HTTP worker open for everybody: ends connections that are too many, or silent for too long.

A thread in each worker. What has to go is decided by ``crowding``. It says what it did, once a minute for
one source.
"""

from __future__ import annotations

import logging
import resource
import threading
import time
from collections import Counter

from netboot.http.connections import connections, end
from provisioner.serve.crowding import surplus

log = logging.getLogger("clonesys.http")

CONNECTIONS = 4096
"""Connections that a worker takes at a time."""
ROOM = CONNECTIONS * 3 // 4
"""How many may remain: what comes between two looks must find room, too."""
LOOK_SECONDS = 0.5
QUIET_SECONDS = 60.0
DESCRIPTORS = CONNECTIONS + 1024


def make_room_for_descriptors() -> int:
    """Raise this process's limit of open files as far as is needed and allowed; connections it then takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return min(CONNECTIONS, wanted * 3 // 4)


class Guard:
    """Looks at the connections to one port, again and again."""

    def __init__(self, port: int, room: int = ROOM) -> None:
        self._port, self._room = port, room
        self._said: dict[str, float] = {}

    def start(self) -> None:
        """Look from now on, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="guard", daemon=True).start()

    def look(self) -> Counter[str]:
        """Look once; how many connections were ended, by their source."""
        ended = Counter(c.peer[0] for c in surplus(connections(self._port), self._room) if end(c))
        self._say(ended, time.monotonic())
        return ended

    def _run(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            try:
                self.look()
            except Exception:  # a bug in a look must not end all others
                log.exception("connections were not looked at")

    def _say(self, ended: Counter[str], now: float) -> None:
        for source, count in ended.items():
            if now - self._said.get(source, float("-inf")) >= QUIET_SECONDS:
                self._said[source] = now
                log.warning("ended %d connections of %s: too many, or silent for too long", count, source)
        self._said = {source: at for source, at in self._said.items() if now - at < QUIET_SECONDS}
