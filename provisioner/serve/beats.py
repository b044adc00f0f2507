"""Whether each HTTP worker still turns: it says so to its parent, which kills one that does not.

granian starts a worker again that has ended, but not one that is stuck: its share of the connections would
hang for ever. Datagrams in an abstract socket (unix(7)): it needs no file, goes with its process, and the
kernel tells which process has sent one, so no other can speak for a worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable

log = logging.getLogger("clonesys.http")

BEAT_SECONDS = 2.0
SILENCE = 20.0
"""Seconds without a beat after which a worker is stuck: far more than a busy small machine needs for one."""
DEAF = 5.0
"""Seconds between two looks after which nothing is known of the time between."""
MOST = 1024
"""Words heard between two looks; the kernel keeps fewer (net.unix.max_dgram_qlen)."""
_CREDENTIALS = struct.Struct("3i")
"""``struct ucred`` (unix(7)): pid, uid, gid."""


class Beats:
    """The parent's side. ``name`` is what workers send to."""

    def __init__(self, silence: float = SILENCE, clock: Callable[[], float] = time.monotonic) -> None:
        self._silence, self._clock = silence, clock
        self.name = f"\0clonesys-http-{os.getpid()}-{secrets.token_hex(8)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.setblocking(False)  # noqa: FBT003 - the library's signature
        self._socket.bind(self.name)
        self._last: dict[int, float] = {}
        self._looked = clock()

    @property
    def known(self) -> set[int]:
        """The processes that were heard, and not silent for too long since."""
        return set(self._last)

    def start(self) -> None:
        """Listen from now on, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="beats", daemon=True).start()

    def close(self) -> None:
        """Hear nothing any more."""
        self._socket.close()

    def _run(self) -> None:
        while True:
            self.round()

    def round(self) -> None:
        """Hear what was said, or nothing for a second; kill who was silent for too long."""
        self._listen()
        self._look(self._clock())

    def _listen(self) -> None:
        """All that waits, after a second at most: nobody is silent whose word is here already."""
        select.select([self._socket], [], [], 1.0)
        with contextlib.suppress(BlockingIOError):
            for _ in range(MOST):
                _, extra, _, _ = self._socket.recvmsg(1, socket.CMSG_SPACE(_CREDENTIALS.size))
                for level, kind, data in extra:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                        self._last[_CREDENTIALS.unpack(data)[0]] = self._clock()

    def _look(self, now: float) -> None:
        away = now - self._looked
        self._looked = now
        if away > DEAF:  # we were stopped ourselves, or frozen with all others: that was no silence of theirs
            self._last = {pid: min(now, at + away) for pid, at in self._last.items()}
        for pid in [pid for pid, at in self._last.items() if now - at > self._silence]:
            del self._last[pid]
            try:
                if os.getpgid(pid) == os.getpgrp():  # ours, and not another that has its number now
                    os.kill(pid, signal.SIGKILL)
                    log.error("worker %d was stuck for %.0f s; killed, another starts", pid, self._silence)
            except ProcessLookupError:
                continue


async def beat(name: str) -> None:
    """A worker's side: say again and again that its loop turns."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mine:
        mine.setblocking(False)  # noqa: FBT003 - the library's signature
        while True:
            # the parent may be busy, or gone: then the kernel ends us
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                mine.sendto(b".", name)
            await asyncio.sleep(BEAT_SECONDS)
