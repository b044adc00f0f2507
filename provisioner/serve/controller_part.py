"""The process that looks after jobs and history: notices silence, forgets what is old.

Rollouts and power will live here. It only ever writes to the database.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable

from provisioner.base.config import load_config
from provisioner.database.engine import open_database
from provisioner.jobs import upkeep
from provisioner.serve.handshake import Settings

log = logging.getLogger("clonesys.controller")

ROUND = 10.0
"""Seconds between two looks at the jobs."""
PRUNE_ROUNDS = 60
"""Rounds between two prunings."""


def run(settings: Settings, ready: Callable[[dict[str, str]], None]) -> None:
    """Look after the appliance until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    database, config = open_database(settings.home), load_config(settings.home)
    ready({})
    rounds = 0
    while not stop.is_set():
        for number, state in upkeep.mark_silent(database, config, time.time()):
            log.warning("job %d is %s: its agent is silent", number, state)
        if rounds % PRUNE_ROUNDS == 0:
            upkeep.forget_old(database, config, time.time())
        rounds += 1
        stop.wait(ROUND)
    database.close()
