"""Events as lines on standard output, for ``python -m netboot``.

A terminal that is held, or a pipe that is not read, makes its writer wait: here that is a thread, never the
services.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netboot.events import Event

_CAPACITY = 10_000
_PATIENCE = 2.0
"""Seconds for the last lines at the end."""


class PrintSink:
    """Prints a line per event, in the background. What a stalled output does not take, is counted."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Event | None] = queue.Queue(_CAPACITY)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def emit(self, event: Event) -> None:
        """Take one event; returns at once."""
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Print what is left, if the output takes it soon."""
        try:
            self._waiting.put(None, timeout=_PATIENCE)
        except queue.Full:
            return
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while (event := self._waiting.get()) is not None:
            _print(f"{event.kind} {event.mac or '-'} {event.address or '-'} {event.detail}")
            if self._dropped:
                _print(f"{self._dropped} events were not printed: the output did not take them")
                self._dropped = 0


def _print(line: str) -> None:
    """One line, whatever a packet has put into it: what would break it or steer a terminal is its escape.

    Not by way of sys.stdout: its lock, held while the output stalls, would stop the end of the program.
    """
    plain = line if line.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    left = f"{plain}\n".encode(errors="backslashreplace")
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]
