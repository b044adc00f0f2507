"""The job as a stream of events: for the console at once, for the appliance as soon as it listens.

A step waits for the network only where the appliance must know of it before it is done (the first write):
reports are queued and sent in order by a thread, again and again until the appliance takes them. Progress is
thinned out before it is queued, everything else is kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from initramfs.agent.errors import AgentError, ServerError
from initramfs.agent.plain import plain
from initramfs.messages import MAX_REPORTS, MAX_TEXT, MAX_TITLE, Report, Reports, StepState

PROGRESS_INTERVAL = 0.5
"""Seconds between two progress events of a step: often enough to watch, and few from a whole rack."""

BEAT = 10.0
"""Seconds after which an agent that has nothing to report says so: who is silent for longer is gone."""

Sink = Callable[[Report], None]
Send = Callable[[Reports], None]


class Outbox:
    """Sends reports in order from a thread of its own. ``send`` may block and retry as long as it likes."""

    def __init__(self, send: Send, beat: float = BEAT) -> None:
        self._send, self._beat = send, beat
        self._waiting: list[Report] = []
        self._sending = False
        self._changed = threading.Condition()
        self._closed = False
        self._error: AgentError | None = None
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)
        self._thread.start()

    def put(self, report: Report) -> None:
        """Queue one report; returns at once.

        Raises the ServerError with which the appliance has refused earlier ones (the job was cancelled, or
        another contact has started it again): the job should stop. An appliance that is merely away
        is no reason to.
        """
        if isinstance(self._error, ServerError):
            raise self._error
        with self._changed:
            self._waiting.append(report)
            self._changed.notify_all()

    def drain(self) -> None:
        """Wait until everything queued has been taken. Raises the error that ended the sending, if any.

        For what the appliance has to know before it becomes true.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error or not (self._waiting or self._sending))
        if self._error:
            raise self._error

    def close(self) -> None:
        """Wait until everything queued has been taken. Raises the error that ended the sending, if any."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        if self._error:
            raise self._error

    def _run(self) -> None:
        while (batch := self._next_batch()) is not None:
            try:
                self._send(Reports(tuple(batch)))
            except AgentError as error:
                self._taken(error)
                return
            except Exception as error:  # noqa: BLE001 - a bug must not leave drain() waiting
                self._taken(AgentError(f"{type(error).__name__}: {error}", "this is a bug of the agent"))
                return
            self._taken()

    def _taken(self, error: AgentError | None = None) -> None:
        with self._changed:
            self._sending, self._error = False, error
            self._changed.notify_all()

    def _next_batch(self) -> list[Report] | None:
        """What is queued, or nothing after a while in which nothing happened; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, self._beat)
            if self._closed and not self._waiting:
                return None
            batch, self._waiting = self._waiting[:MAX_REPORTS], self._waiting[MAX_REPORTS:]
            self._sending = True
            return batch


def going_on(told: float, clock: Callable[[], float] = time.monotonic) -> Callable[[], float]:
    """The time of day, which was ``told`` just now.

    This machine's own clock may be wrong by decades (its battery is empty), or be set under way.
    """
    began = clock()
    return lambda: told + clock() - began


def ending(text: str, most: int = MAX_TEXT) -> str:
    """A text that can be told: harmless, and of one that is too long its end, where programs say why."""
    text = plain(text)
    return text if len(text) <= most else f"…{text[1 - most :]}"


@dataclass(slots=True)
class Reporter:
    """Numbers the events of one job and hands them to the sinks.

    ``now`` is the time of day (see :func:`going_on`), only shown. Durations are measured with ``clock``.
    """

    sinks: tuple[Sink, ...]
    now: Callable[[], float]
    clock: Callable[[], float] = time.monotonic
    sequence: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def planned(self, name: str, title: str) -> None:
        """Announce a step that will come."""
        self.emit(name, StepState.PLANNED, title=title)

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[StepProgress]:
        """Run the body as a step: started, then finished or failed. The error goes on to the caller."""
        began = self.clock()
        self.emit(name, StepState.STARTED, title=title)
        progress = StepProgress(self, name, title)
        try:
            yield progress
        except Exception as error:
            self.emit(name, StepState.FAILED, title=title, detail=str(error))
            raise
        finally:
            self.seconds[name] = round(self.clock() - began, 3)
        self.emit(name, StepState.FINISHED, title=title, done=progress.done, total=progress.total)

    def emit(
        self, step: str, state: StepState, *, title: str = "", detail: str = "", done: int = 0, total: int = 0
    ) -> None:
        """Number one event and hand it on. For this module's own classes."""
        with self._lock:
            self.sequence += 1
            told = (plain(title)[:MAX_TITLE], ending(detail), done, total)
            report = Report(self.sequence, self.now(), step, state, *told)
            for sink in self.sinks:
                sink(report)


@dataclass(slots=True)
class StepProgress:
    """What a running step says: how far it is, and lines of text. May be used from several threads."""

    reporter: Reporter
    name: str
    title: str
    done: int = 0
    total: int = 0
    _last: float = float("-inf")

    def __call__(self, done: int, total: int) -> None:
        """``done`` of ``total`` bytes; one event in PROGRESS_INTERVAL is kept, and the last."""
        self.done, self.total = done, total
        now = self.reporter.clock()
        if now - self._last >= PROGRESS_INTERVAL or done == total:
            self._last = now
            self.reporter.emit(self.name, StepState.PROGRESS, title=self.title, done=done, total=total)

    def log(self, line: str) -> None:
        """A line of text; kept with the job."""
        self.reporter.emit(self.name, StepState.LOG, title=self.title, detail=line)
