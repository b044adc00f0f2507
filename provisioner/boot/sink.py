"""Takes what the network services see into the database, without ever making them wait.

A bounded queue and one writing thread. When the database cannot keep up, events
are dropped and counted; an offer is worth more than its entry in the timeline. What
was taken is written in short transactions with pauses between them: other
processes write the same database, and what they write matters more.
"""

from __future__ import annotations

import logging
import threading
from collections import deque

from netboot.events import Event
from provisioner.database.engine import Database, DatabaseError
from provisioner.hosts.sightings import record

log = logging.getLogger(__name__)

CAPACITY = 10_000
BATCH = 500
PAUSE = 0.05
"""Seconds between two batches: some ten times what one takes."""
RETRY = 2.0
"""Seconds until a database that has failed is asked again."""


class DatabaseSink:
    """A :class:`netboot.events.Sink` that writes in the background, in batches."""

    def __init__(self, database: Database, capacity: int = CAPACITY) -> None:
        self._database = database
        self._capacity = capacity
        self._waiting: deque[Event] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def emit(self, event: Event) -> None:
        """Take one event; returns at once."""
        with self._changed:
            if len(self._waiting) >= self._capacity:
                self.dropped += 1
                return
            self._waiting.append(event)
            self._changed.notify()

    def close(self) -> None:
        """Write what was taken, then stop. Nothing may be emitted afterwards."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        failing = False
        while batch := self._next_batch():
            failing = self._write(batch, failing)
            if not failing:
                self._taken(len(batch))
            elif self._closing.is_set():
                log.warning("%d events lost: the database does not take them", len(self._waiting))
                return
            self._closing.wait(RETRY if failing else PAUSE)

    def _write(self, batch: list[Event], failing: bool) -> bool:  # noqa: FBT001 - what it was before
        """Write a batch; whether the database fails. It says so once, and when that is over."""
        try:
            record(self._database, batch)
        except DatabaseError as error:
            if not failing:
                log.warning("the timeline waits: %s", error.message)
            return True
        except Exception:  # a bug in what one event says: the services go on without this batch
            log.exception("%d events lost", len(batch))
        if failing:
            log.warning("the timeline goes on")
        return False

    def _next_batch(self) -> list[Event]:
        """What comes next, left in the queue; nothing when all is written and closing."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            return [self._waiting[i] for i in range(min(BATCH, len(self._waiting)))]

    def _taken(self, count: int) -> None:
        with self._changed:
            for _ in range(count):
                self._waiting.popleft()
            dropped, self.dropped = self.dropped, 0
        if dropped:
            log.warning("%d events dropped: the database cannot keep up", dropped)
