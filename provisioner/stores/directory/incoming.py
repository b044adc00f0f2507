"""Adding chunks to a directory store, so that nothing counts before all of an image is durable.

New chunks are collected in a folder of ``incoming/``. Only ``commit`` makes them durable (once for all of
them: an fsync each would make a capture several times slower) and moves them to their places; a power cut
before that leaves no chunk that looks whole and is not.

A sweep must not delete what a capture was told it need not send. So the capture writes down, under the
store's shared lock, which chunks it relies on; the sweep reads these notes under the exclusive lock.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path

from provisioner.base.ownership import make_folder, open_or_create
from provisioner.stores.directory.catalogue import publish
from provisioner.stores.directory.places import Places
from provisioner.stores.errors import StoreBusyError
from provisioner.stores.files import failing, locked, sync_all, write_new
from provisioner.stores.names import Reference
from provisioner.stores.protocols import Sign

DIGEST_SIZE = 32
RELIED = "relied"
"""The note: 32 bytes a digest."""
NEW = ".new"
ALIVE = "alive"
"""Locked by the capture that owns the folder, as long as its process lives."""


class Incoming:
    """One folder of chunks that count only from ``commit`` on. Used by several threads or processes."""

    def __init__(self, places: Places, folder: Path, note: str = RELIED) -> None:
        self.places, self.folder = places, folder
        self._note = folder / note

    def path(self, digest: bytes) -> Path:
        """Where a chunk lies until it counts."""
        return self.folder / digest.hex()

    def has(self, digests: Sequence[bytes]) -> set[bytes]:
        """What is in the store stays there until this folder is gone. Raises StoreError."""
        with self.places.lock():
            stored = {digest for digest in digests if self.places.chunk(digest).exists()}
            self._rely(stored)
        return stored | {digest for digest in digests if self.path(digest).exists()}

    def put(self, digest: bytes, data: bytes) -> None:
        """Raises StoreFullError, StoreError."""
        path = self.folder / f"{uuid.uuid4().hex}{NEW}"
        with failing("store a chunk", path):
            write_new(path, data)
            path.rename(self.path(digest))

    def commit(self, digests: Iterable[bytes], name: str, sign: Sign) -> Reference:
        """Make these chunks durable, then let the manifest appear, at once. Raises StoreError."""
        sync_all(self.folder)
        with self.places.lock():
            self._move(digests)
            sync_all(self.places.root)  # also what another capture has just moved in, and we rely on
            return publish(self.places, name, sign)

    def _move(self, digests: Iterable[bytes]) -> None:
        """To where they are found; another upload may have been faster."""
        with failing("store chunks", self.places.chunks):
            for digest in digests:
                place = self.places.chunk(digest)
                make_folder(place.parent)
                try:
                    self.path(digest).rename(place)
                except FileNotFoundError:
                    if not place.exists():
                        raise

    def _rely(self, digests: Iterable[bytes]) -> None:
        note = b"".join(sorted(digests))
        if not note:
            return
        with failing("note what is relied upon", self._note):
            fd = open_or_create(self._note, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(fd, note)
            finally:
                os.close(fd)


class DirectoryIngest:
    """The Ingest of a directory store."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._put: set[bytes] = set()

    def has(self, digests: Sequence[bytes]) -> set[bytes]:
        return self._incoming.has(digests)

    def put(self, digest: bytes, data: bytes) -> None:
        self._incoming.put(digest, data)
        self._put.add(digest)

    def commit(self, name: str, sign: Sign) -> Reference:
        return self._incoming.commit(self._put, name, sign)


@contextmanager
def ingest(places: Places) -> Iterator[DirectoryIngest]:
    """Begin to add an image; at the end the folder goes, with everything not committed."""
    places.make()
    folder = places.incoming / uuid.uuid4().hex
    with ExitStack() as alive:
        with places.lock(), failing("begin a capture", folder):  # no sweep sees the folder before its lock
            make_folder(folder)
            alive.enter_context(locked(folder / ALIVE, exclusive=True))
        try:
            yield DirectoryIngest(Incoming(places, folder))
        finally:
            with places.lock():  # a sweep that has listed the folder looks into it
                shutil.rmtree(folder, ignore_errors=True)


def is_alive(folder: Path) -> bool:
    """Whether the capture that owns this folder still runs."""
    try:
        with locked(folder / ALIVE, exclusive=True, wait=False):
            return False
    except StoreBusyError:
        return True


def relied(places: Places) -> set[bytes]:
    """What captures and uploads under way rely on. Call it under the exclusive lock."""
    found: set[bytes] = set()
    for note in chain(places.incoming.glob(f"*/{RELIED}"), places.uploads.glob(f"*/*.{RELIED}")):
        found.update(read_note(note))
    return found


def read_note(path: Path) -> Iterator[bytes]:
    """The digests in one note; a torn end names no chunk."""
    with contextlib.suppress(FileNotFoundError):
        data = path.read_bytes()
        for at in range(0, len(data) - DIGEST_SIZE + 1, DIGEST_SIZE):
            yield data[at : at + DIGEST_SIZE]
