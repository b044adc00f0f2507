"""Our side of netboot's one seam: what a machine boots, from what its host does next.

Asked many times during one boot, so it only reads.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from netboot.model import Boot, Client, Endpoint, Ignore, Kernel, LocalDisk
from provisioner.base import clock
from provisioner.base.clock import Moment
from provisioner.base.config import load_config
from provisioner.base.home import Home
from provisioner.boot.files import INITRAMFS, KERNEL
from provisioner.database.engine import Database
from provisioner.jobs.next_boot import NextBoot, next_boot_of, next_boots
from provisioner.security.keys import load_nonce_key
from provisioner.security.nonces import RANDOM_LENGTH, mint

CONSOLES = ("console=tty0", "console=ttyS0,115200")


def choose(client: Client, here: Endpoint, wanted: NextBoot | None, nonce: Callable[[], str]) -> Boot:
    """What ``client`` boots, given what its host does next; ``nonce`` makes one for its MAC. Pure."""
    if wanted is None:
        return Ignore("unknown host")
    if wanted.job is None:
        return LocalDisk()
    words = (f"clonesys.server={here.url}", f"clonesys.nonce={nonce()}", f"clonesys.mac={client.mac}")
    return Kernel(KERNEL, (INITRAMFS,), (*CONSOLES, *words))


class ProvisionerBooter:
    """A :class:`netboot.booter.Booter` over the state of one appliance."""

    def __init__(self, home: Path, database: Database, now: Callable[[], Moment] = clock.now) -> None:
        self._home = Home(home)
        self._database = database
        self._attempts = load_config(home).contact.attempts
        self._key = load_nonce_key(home)
        self._now = now

    def decide(self, client: Client, here: Endpoint) -> Boot:
        """What ``client`` boots now."""
        return self.answer(client, here, next_boot_of(self._database, client.mac, self._attempts))

    def wanted(self) -> dict[str, NextBoot]:
        """What every host does next, by MAC."""
        return next_boots(self._database, self._attempts)

    def answer(self, client: Client, here: Endpoint, wanted: NextBoot | None) -> Boot:
        """What ``client`` boots, given what its host does next. Asks no database."""
        return choose(
            client,
            here,
            wanted,
            lambda: mint(self._key, client.mac, self._now(), secrets.token_bytes(RANDOM_LENGTH)),
        )

    def locate(self, name: str) -> Path | None:
        """The boot file of that name; only those an appliance hands out are ever found."""
        return self._home.blob(name)
