"""Our side of the one seam: what a machine boots, from what the database says of its host.

Asked many times during one boot, so it only reads. Attempts are counted at the
agent's contact; here they merely bound it: a machine that never gets as far as
its agent, or dies in it every time, ends up on its own disk and not in a loop.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path

from netboot.model import Boot, Client, Endpoint, Ignore, Kernel, LocalDisk
from provisioner.base.config import load_config
from provisioner.base.home import Home
from provisioner.database.engine import Database
from provisioner.jobs.next_boot import Standing, standing
from provisioner.security.keys import load_nonce_key
from provisioner.security.nonces import RANDOM_LENGTH, mint

KERNEL = "vmlinuz"
INITRAMFS = "initramfs.img"
CONSOLES = ("console=tty0", "console=ttyS0,115200")


def choose(
    client: Client, here: Endpoint, known: Standing | None, *, attempts: int, nonce: Callable[[], str]
) -> Boot:
    """What ``client`` boots, given how its host stands; ``nonce`` makes one for its MAC. Pure."""
    if known is None:
        return Ignore("unknown host")
    if not known.has_job or known.attempts >= attempts:
        return LocalDisk()
    words = (f"clonesys.server={here.url}", f"clonesys.nonce={nonce()}", f"clonesys.mac={client.mac}")
    return Kernel(KERNEL, (INITRAMFS,), (*CONSOLES, *words))


class ProvisionerBooter:
    """A :class:`netboot.booter.Booter` over the state of one appliance."""

    def __init__(self, home: Path, database: Database, now: Callable[[], float] = time.time) -> None:
        self._home = Home(home)
        self._database = database
        self._attempts = load_config(home).contact.attempts
        self._key = load_nonce_key(home)
        self._now = now

    def decide(self, client: Client, here: Endpoint) -> Boot:
        """What ``client`` boots now."""
        return choose(
            client,
            here,
            standing(self._database, client.mac),
            attempts=self._attempts,
            nonce=lambda: mint(self._key, client.mac, self._now(), secrets.token_bytes(RANDOM_LENGTH)),
        )

    def locate(self, name: str) -> Path | None:
        """The boot file of that name; only those an appliance hands out are ever found."""
        return self._home.blob(name)
