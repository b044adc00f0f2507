"""Tells what happens while an appliance serves: a thread that reads the timeline and the audit log.

It reads the database, and so tells of every process and of commands too. Nothing waits for it, and it stops
for nothing: when the database cannot be read, it says so once and goes on later.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from provisioner.base.errors import ProvisionerError
from provisioner.database.engine import Database
from provisioner.hosts.registry import names_by_mac
from provisioner.timeline import audit, events
from provisioner.timeline.narration import Narration, change

log = logging.getLogger("clonesys.events")

INTERVAL = 0.5
"""Seconds between two looks."""
PATIENCE = 1.0
"""Seconds to wait for the last lines at the end."""
BATCH = 1000
"""Events told at once; more are told with the next look."""


@contextmanager
def narrating(database: Database) -> Iterator[None]:
    """While the body runs, log what happens from now on."""
    stop = threading.Event()
    thread = threading.Thread(target=_Narrator(database).run, args=(stop,), name="narrator", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)


class _Narrator:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._narration = Narration()
        self._event = events.newest_event(database)
        self._change = audit.newest(database)
        self._failing = False

    def run(self, stop: threading.Event) -> None:
        """Look again and again, and once more at the end."""
        while not stop.wait(INTERVAL):
            self._look()
        self._look()

    def _look(self) -> None:
        try:
            self._tell()
        except ProvisionerError as error:
            if not self._failing:
                log.warning("what happens cannot be told: %s", error.message)
            self._failing = True
        except Exception:  # of the database, most likely; the appliance serves on
            if not self._failing:
                log.exception("what happens cannot be told")
            self._failing = True
        else:
            self._failing = False

    def _tell(self) -> None:
        # Old events are forgotten; when all were, numbers begin again.
        self._event = min(self._event, events.newest_event(self._database))
        seen = events.list_events(self._database, after=self._event, limit=BATCH)
        names = names_by_mac(self._database) if seen else {}
        for event in seen:
            self._event = event.id
            line = self._narration.event(event, names.get(event.mac, ""))
            if line is not None:
                log.info("%s", line)
        for entry in audit.list_after(self._database, self._change):
            self._change = entry.id
            log.info("%s", change(entry))
