"""A directory as the store of an appliance: chunks and catalogue joined, and what changes both."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path

from provisioner.stores.directory.catalogue import DirectoryCatalogue
from provisioner.stores.directory.chunks import DirectoryChunks
from provisioner.stores.directory.incoming import DirectoryIngest, ingest
from provisioner.stores.directory.places import Places
from provisioner.stores.directory.sweep import sweep
from provisioner.stores.directory.uploads import Uploads
from provisioner.stores.protocols import Keep, Leased


class DirectoryStore(DirectoryChunks, DirectoryCatalogue):
    """An ApplianceStore in a directory, which is made when it is first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        DirectoryChunks.__init__(self, Places(root))
        DirectoryCatalogue.__init__(self, self.places)

    @property
    def workspace(self) -> Path:
        return self.places.workspace

    @property
    def uploads(self) -> Uploads:
        return Uploads(self.places)

    def make(self) -> None:
        self.places.make()

    def ingest(self) -> AbstractContextManager[DirectoryIngest]:
        return ingest(self.places)

    def hold(self) -> AbstractContextManager[None]:
        self.places.make()
        return self.places.lock()

    def prune(
        self, keep: Keep, *, leased: Leased = lambda: False, now: float | None = None
    ) -> tuple[int, int]:
        self.places.make()
        return sweep(self.places, keep, leased=leased, now=time.time() if now is None else now)
