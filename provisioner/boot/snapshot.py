"""What all machines boot, read several times a second and kept in memory, for the process that answers DHCP.

An offer waits for no database, neither for a slow one nor for a lock that others hold. What is kept is as old
as the last reading: a job that was just given to a host counts at its next boot. When the database cannot be
read, the last reading counts on; the boot script and the agent's contact ask the database itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from netboot.model import Boot, Client, Endpoint
from provisioner.base.errors import ProvisionerError
from provisioner.boot.booter import ProvisionerBooter
from provisioner.jobs.next_boot import NextBoot

log = logging.getLogger(__name__)

INTERVAL = 0.4
"""Seconds between two readings. People and rollouts count on less than one."""


class SnapshotBooter:
    """A :class:`netboot.booter.Booter` that answers from the last reading. Close it at the end.

    Raises what the database raises if the first reading fails.
    """

    def __init__(self, booter: ProvisionerBooter, interval: float = INTERVAL) -> None:
        self._booter = booter
        self._interval = interval
        self._wanted: Mapping[str, NextBoot] = booter.wanted()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="snapshot", daemon=True)
        self._thread.start()

    def decide(self, client: Client, here: Endpoint) -> Boot:
        """What ``client`` boots, as far as was known a moment ago."""
        return self._booter.answer(client, here, self._wanted.get(client.mac))

    def locate(self, name: str) -> Path | None:
        """The boot file of that name."""
        return self._booter.locate(name)

    def close(self) -> None:
        """Read no more."""
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        failing = False
        while not self._stop.wait(self._interval):
            try:
                self._wanted = self._booter.wanted()
            except (SQLAlchemyError, ProvisionerError) as error:
                if not failing:
                    log.warning("the database cannot be read: offers go by what was known before (%s)", error)
                failing = True
            else:
                failing = False
