"""A store with keys, driven by ``clonesys image`` as people and scripts call it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from initramfs.imaging.format.manifest import Manifest
from provisioner.base.home import Home
from provisioner.cli import app
from provisioner.images import operations
from provisioner.security.keys import create_keys, load_public_key
from provisioner.stores.directory.store import DirectoryStore


def create_home(home: Path) -> None:
    """An appliance that images can be added to; its database is made when it is first needed."""
    create_keys(home)
    (home / "keys" / "admin").touch()


@dataclass(frozen=True, slots=True)
class Appliance:
    """A store with keys, driven by ``clonesys image``."""

    home: Path

    def call(self, *arguments: str | Path) -> str:
        """Run one command; what it printed. Raises what it raises."""
        result = CliRunner().invoke(app, ["--home", str(self.home), "image", *map(str, arguments)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    def show(self, name: str) -> dict[str, Any]:
        """An image's header."""
        shown: dict[str, Any] = json.loads(self.call("show", name, "--json"))
        return shown

    @property
    def store(self) -> DirectoryStore:
        """Where the chunks are."""
        return DirectoryStore(Home(self.home).store)

    def image(self, name: str) -> Manifest:
        """A manifest."""
        return operations.load(self.store, self.store.resolve(name), load_public_key(self.home))
