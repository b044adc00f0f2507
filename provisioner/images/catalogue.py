"""What the product asks of the image store: which image a name means, and a manifest by its digest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import TypeVar

from initramfs.messages import ImageRef
from provisioner.base.home import Home
from provisioner.database.engine import Database, open_database
from provisioner.images.operations import Demand
from provisioner.jobs import queue
from provisioner.stores.directory.store import DirectoryStore

T = TypeVar("T")


def manifest(home: Path, digest: bytes) -> bytes | None:
    """The bytes of the manifest with this digest, or None."""
    store = _store(home)
    found = store.find(digest)
    return store.manifest(found) if found else None


def resolver(home: Path) -> Callable[[str], ImageRef]:
    """Finds images of the appliance at ``home`` by name: ``NAME``, ``NAME@GENERATION``, ``NAME@latest``."""
    store = _store(home)

    def resolve(name: str) -> ImageRef:
        found = store.resolve(name)
        return ImageRef(found.name, found.generation, found.digest)

    return resolve


@cache
def _store(home: Path) -> DirectoryStore:
    """One per process: it remembers the digests of manifests, which never change."""
    return DirectoryStore(Home(home).store)


def held(home: Path) -> AbstractContextManager[None]:
    """While the body runs, no image can lose its chunks: for finding one and queueing its job."""
    return _store(home).hold()


def demand(home: Path) -> Demand:
    """What the jobs of the appliance at ``home`` need of its store; nothing, if there is no appliance yet."""
    if not (Home(home).keys / "admin").exists():
        return Demand()

    def ask(question: Callable[[Database], T]) -> T:
        database = open_database(home)
        try:
            return question(database)
        finally:
            database.close()

    return Demand(lambda: ask(queue.pinned_images), lambda: ask(queue.is_backing_up))
