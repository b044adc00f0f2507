"""The process that looks after jobs and history: notices silence, forgets what is old.

Rollouts and power will live here. It only ever writes to the database, and outlives its failures.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

from provisioner.base import clock
from provisioner.base.config import Config, load_config
from provisioner.database.engine import Database, DatabaseError, open_database
from provisioner.jobs import upkeep
from provisioner.serve.handshake import Settings, Voice

log = logging.getLogger("clonesys.controller")

ROUND = 10.0
"""Seconds between two looks at the jobs."""
PRUNE_ROUNDS = 60
"""Rounds between two prunings."""
CALM = 3600.0
"""Seconds that the time of day must have gone on evenly before anything is forgotten for its age."""


def run(settings: Settings, voice: Voice) -> None:
    """Look after the appliance until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    database, config = open_database(settings.home), load_config(settings.home)
    rounds = Rounds(database, config, clock.Calm(clock.now()), voice.alive)
    voice.ready({})
    while not stop.is_set():
        rounds.turn()
        stop.wait(ROUND)
    database.close()


@dataclass(slots=True)
class Rounds:
    """One look at everything after the other. ``alive`` is told that there is progress."""

    database: Database
    config: Config
    calm: clock.Calm
    alive: Callable[[], None]
    _done: int = 0
    _looked: float | None = None
    _failing: bool = False

    def turn(self) -> None:
        """Look once. A database that fails is said once, and asked again at the next turn."""
        self.alive()
        try:
            self._look()
        except DatabaseError as error:
            if not self._failing:
                log.error("jobs are not looked after: %s (%s)", error.message, error.hint)  # noqa: TRY400 - no bug
            self._failing = True
            return
        if self._failing:
            log.warning("jobs are looked after again")
        self._failing = False
        self._done += 1

    def _look(self) -> None:
        now = clock.now()
        calm = self.calm.seconds(now)
        for number, state in upkeep.mark_silent(self.database, self.config, now.wall, calm):
            log.warning("job %d is %s: its agent is silent", number, state)
        for host, said in upkeep.note_late_starts(
            self.database, self.config.contact, self._looked or now.wall, now.wall
        ):
            log.warning("%s: %s", host, said)
        self._looked = now.wall
        if self._done % PRUNE_ROUNDS == 0 and calm >= CALM:
            upkeep.forget_old(self.database, self.config, now.wall, self.alive)
