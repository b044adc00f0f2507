"""A machine's serial console: kept in a log, and searched while it comes in.

Terminal control sequences are taken out before searching, because firmware and boot loaders paint
their screens with them; the log keeps everything.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from bisect import bisect_right
from dataclasses import dataclass

from tests.lab.waiting import Deadline, TooLateError

CONTROL = re.compile(rb"\x1b(?:\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[=>78cDEHM])|[\x00\x07\x08\x0e\x0f]")
UNFINISHED = re.compile(rb"\x1b[^A-Za-z\x1b]{0,16}$")
"""The begin of a control sequence whose end has not come in yet."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Something found on the console; ``at`` is seconds since the epoch, when it had come in."""

    match: re.Match[str]
    at: float


class Console:
    """What a machine has said since it was last powered on."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._text = ""
        self._rest = b""
        self._arrivals: list[tuple[int, float]] = []
        self._closed = False

    def feed(self, data: bytes, at: float) -> None:
        """Take in what came at the time ``at``."""
        data = self._rest + data
        unfinished = UNFINISHED.search(data)
        cut = unfinished.start() if unfinished else len(data)
        self._rest = data[cut:]
        with self._changed:
            self._text += CONTROL.sub(b"", data[:cut]).decode(errors="replace")
            self._arrivals.append((len(self._text), at))
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will come: those who wait are told so."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def text(self) -> str:
        """Everything so far, without control sequences."""
        with self._changed:
            return self._text

    def find(self, pattern: str, start: int = 0) -> Seen | None:
        """The first match so far at or behind ``start``, without waiting."""
        with self._changed:
            match = re.compile(pattern).search(self._text, start)
            return match and Seen(match, self._arrived(match.end()))

    def expect(self, pattern: str, deadline: Deadline) -> Seen:
        """Wait until ``pattern`` is on the console. Raises TooLateError with the console's last lines."""
        start = 0
        with self._changed:
            while not (seen := self.find(pattern, start)):
                start = max(0, len(self._text) - 400)  # matches are lines; what was searched is not again
                if self._closed or not self._changed.wait(deadline.remaining()):
                    raise TooLateError(self._excuse(pattern))
        return seen

    def _arrived(self, end: int) -> float:
        # The first arrival after which the text reached ``end``.
        return self._arrivals[bisect_right(self._arrivals, (end, 0.0))][1]

    def _excuse(self, pattern: str) -> str:
        why = "the machine is off" if self._closed else "time is up"
        last = "\n".join(self._text.splitlines()[-15:])
        return f"{why}; /{pattern}/ was not on the console, which ends with:\n{last}"


def listen(line: socket.socket, console: Console) -> None:
    """Feed the console from QEMU's end of the line until QEMU closes it, in a thread of its own."""

    def pump() -> None:
        with line:
            while data := _receive(line):
                console.feed(data, time.time())
        console.close()

    threading.Thread(target=pump, name="console", daemon=True).start()


def _receive(line: socket.socket) -> bytes:
    try:
        return line.recv(65536)
    except ConnectionResetError:  # QEMU was killed
        return b""
