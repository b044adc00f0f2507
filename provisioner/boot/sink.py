"""Takes what the network services see into the database, without ever making them wait.

A bounded queue and one writing thread. When the database cannot keep up, events
are dropped and counted; an offer is worth more than its entry in the timeline.
"""

from __future__ import annotations

import logging
import queue
import threading

from netboot.events import Event
from provisioner.database.engine import Database
from provisioner.hosts.sightings import record

log = logging.getLogger(__name__)

CAPACITY = 10_000
BATCH = 500


class DatabaseSink:
    """A :class:`netboot.events.Sink` that writes in the background, in batches."""

    def __init__(self, database: Database, capacity: int = CAPACITY) -> None:
        self._database = database
        self._queue: queue.Queue[Event | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()
        self.dropped = 0

    def emit(self, event: Event) -> None:
        """Take one event; returns at once."""
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what was taken, then stop. Nothing may be emitted afterwards."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        more = True
        while more:
            batch, more = self._next_batch()
            try:
                if batch:
                    record(self._database, batch)
            except Exception:  # the services go on without a timeline; the reason is in the log
                log.exception("%d events lost: the database does not take them", len(batch))
            if self.dropped:
                log.warning("%d events dropped: the database cannot keep up", self.dropped)
                self.dropped = 0

    def _next_batch(self) -> tuple[list[Event], bool]:
        batch: list[Event] = []
        item = self._queue.get()
        while item is not None and len(batch) < BATCH:
            batch.append(item)
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        if item is not None:  # the batch is full: this one still belongs to it
            batch.append(item)
        return batch, item is not None
