"""Adding one image to a directory store from this machine.

Chunks are collected in a folder of ``incoming/`` that is locked as long as this process
lives: what a killed capture leaves is known by its lock being free. Only
``commit`` makes the chunks durable (once for all of them: an fsync each would make a capture several
times slower) and moves them to their places; a power cut before that leaves no chunk that
looks whole and is not.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from provisioner.stores.directory.incoming import Incoming
from provisioner.stores.directory.places import Places
from provisioner.stores.errors import StoreBusyError
from provisioner.stores.files import failing, locked
from provisioner.stores.names import Reference
from provisioner.stores.protocols import Sign

ALIVE = "alive"
"""Locked by the capture that owns the folder."""


class DirectoryIngest:
    """The Ingest of a DirectoryStore."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._put: set[bytes] = set()

    def has(self, digests: Sequence[bytes]) -> set[bytes]:
        """See ChunkSink."""
        return self._incoming.has(digests)

    def put(self, digest: bytes, data: bytes) -> None:
        """See ChunkSink. Raises StoreFullError, StoreError."""
        self._incoming.put(digest, data)
        self._put.add(digest)

    def commit(self, name: str, sign: Sign) -> Reference:
        """See Ingest."""
        return self._incoming.commit(self._put, name, sign)


@contextmanager
def ingest(places: Places) -> Iterator[DirectoryIngest]:
    """Begin to add an image; at the end the folder goes, with everything not committed."""
    places.make()
    folder = places.incoming / uuid.uuid4().hex
    with ExitStack() as alive:
        with places.lock(), failing("begin a capture", folder):  # no sweep sees the folder before its lock
            folder.mkdir()
            alive.enter_context(locked(folder / ALIVE, exclusive=True))
        try:
            yield DirectoryIngest(Incoming(places, folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def is_alive(folder: Path) -> bool:
    """Whether the capture that owns this folder still runs."""
    try:
        with locked(folder / ALIVE, exclusive=True, wait=False):
            return False
    except StoreBusyError:
        return True
