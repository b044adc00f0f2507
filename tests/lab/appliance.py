"""The appliance in the lab, used as an administrator uses it: by its command line, and by its API to read.

Read this as the manual: every step from nothing to a host that reinstalls itself is one method.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.clients.in_namespace import Connection
from tests.lab.cache import BUILD
from tests.lab.command import run, stream
from tests.lab.daemon import Daemon
from tests.lab.network import APPLIANCE_ADDRESS, Lan, Place, kill_all
from tests.lab.readable import readable
from tests.lab.waiting import Deadline, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.images.golden import Golden

CLONESYS = Path(sys.executable).with_name("clonesys")
PORT = 8080
USER = "nobody"
"""Whose the appliance is and who serves; on a real machine it has a user of its own."""
SERVE = ("serve", "--interface", "eth0", "--http-listen", f"0.0.0.0:{PORT}")


class ApplianceError(Exception):
    """The appliance did not do what it should, or ended."""


class Appliance:
    """One appliance: a home directory, and ``clonesys serve`` in its place on the LAN.

    A context manager: entering serves, leaving ends that. ``say`` is told every command, as one would type
    it.
    """

    def __init__(self, lan: Lan, folder: Path, say: Callable[[str], None] = lambda _line: None) -> None:
        self.lan, self.say = lan, say
        self.home = folder / "home"
        self.log = folder / "appliance.log"
        served = readable((CLONESYS, "--home", self.home, *SERVE), folder)
        inside = lan.inside(Place.APPLIANCE, *served)
        self._server = Daemon(inside, self.log)
        self.password = ""

    # --- preparing it ---------------------------------------------------------------------------------------

    def create(self) -> None:
        """``clonesys init``: directory, keys, database, boot loaders, a password; its services not root."""
        said = self.command("init", "--owner", USER, "--yes")
        found = re.search(r"password (\S+)", said)
        if not found:
            raise ApplianceError(f"'clonesys init' tells no password:\n{said}")
        self.password = found[1]

    def build_initramfs(self) -> tuple[Path, Path]:
        """``clonesys initramfs build``: what machines boot (minutes the first time). Kernel and initramfs."""
        words = self._words("initramfs", "build", "--cache", BUILD / "cache" / "initramfs")
        stream(*words, line=lambda line: self.say(f"    {line}"))
        return self.home / "boot" / "vmlinuz", self.home / "boot" / "initramfs.img"

    def capture(self, golden: Golden) -> None:
        """The whole disk with most partitions empty, then each of those by itself: as in 1999."""
        empty = [word for number in golden.partitions for word in ("--empty", str(number))]
        self.command("image", "capture", golden.path, golden.name, *empty)
        for number, name in golden.partitions.items():
            self.command("image", "capture", golden.path, name, "--partition", str(number))

    def add_profile(self, name: str, text: str) -> None:
        """``clonesys profile add``: what a host can be told to do, as TOML."""
        file = self.home.with_name(f"{name}.toml")
        file.write_text(text)
        self.command("profile", "add", file, "--replace")

    def add_host(self, name: str, mac: str) -> None:
        """``clonesys host add``: from now on this machine is ours."""
        self.command("host", "add", name, "--mac", mac)

    def assign(self, name: str, profile: str) -> None:
        """``clonesys host set``: what the host does at its next network boot, once."""
        self.command("host", "set", name, "--profile", profile)

    # --- running it -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """``clonesys serve`` in the background; returns when it answers."""
        self.say(f"$ clonesys {shlex.join(SERVE)} &")
        self._server.start()
        until(self._ready, Deadline.within(60), f"the appliance\n{self._server.tail()}", every=0.2)

    def stop(self) -> int | None:
        """End it with SIGTERM; returns the exit status, which should be 0."""
        return self._server.stop()

    def crash(self) -> None:
        """``kill -9`` of everything that serves."""
        kill_all(self.lan.namespace(Place.APPLIANCE))
        self._server.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- asking it ------------------------------------------------------------------------------------------

    def command(self, *words: str | Path) -> str:
        """``clonesys --home … words``; returns what it prints. Raises CommandError."""
        return run(*self._words(*words), within=900)

    def command_json(self, *words: str | Path) -> Any:
        """The same with ``--json``, read."""
        return json.loads(self.command(*words, "--json"))

    def get(self, path: str) -> Any:
        """Something from the API, such as ``hosts`` or ``events?after=7``. Raises OSError, ApplianceError."""
        return json.loads(self.page(f"api/v1/{path}"))

    def page(self, path: str) -> str:
        """A web page, as the administrator. Raises OSError, ApplianceError."""
        connection = Connection(self.lan.namespace(Place.APPLIANCE), APPLIANCE_ADDRESS, PORT)
        try:
            connection.request("GET", f"/{path}", headers={"Authorization": self._credentials()})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise ApplianceError(f"GET {path}: {answer.status} {body[:200]!r}")
        return body.decode()

    def _words(self, *words: str | Path) -> tuple[str | Path, ...]:
        typed = (os.path.relpath(word) if isinstance(word, Path) else word for word in words)
        self.say(f"$ clonesys {shlex.join(typed)}")
        return (CLONESYS, "--home", self.home, *words)

    def _credentials(self) -> str:
        return "Basic " + base64.b64encode(f"admin:{self.password}".encode()).decode()

    def _ready(self) -> bool:
        if not self._server.running:
            raise ApplianceError(f"the appliance ended with {self._server.status}:\n{self._server.tail()}")
        try:
            return bool(self.get("health"))
        except OSError:
            return False
