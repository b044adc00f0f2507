"""What all image commands need: the appliance's store, and an image by the name a person gives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from initramfs.agent.disk.manifest import Manifest
from provisioner.home import Home
from provisioner.keys import load_public_key
from provisioner.store import operations
from provisioner.store.directory import DirectoryStore
from provisioner.store.names import Reference

Image = Annotated[
    str, typer.Argument(metavar="NAME[@GENERATION]", help="The latest, if no generation is given.")
]


def store_of(home: Path) -> DirectoryStore:
    """The appliance's store."""
    return DirectoryStore(Home(home).store)


def load(home: Path, name: str) -> tuple[Manifest, Reference]:
    """An image, its signature checked. Raises NoImageError, ImageNameError, ManifestError."""
    store = store_of(home)
    reference = store.resolve(name)
    return operations.load(store, reference, load_public_key(home)), reference
