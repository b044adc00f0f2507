"""Adding one image to a directory store.

Chunks are collected in ``incoming/`` under names that mean nothing. Only ``commit``
makes them durable (once for all of them: an fsync each would make a capture several times
slower) and moves them to their places; a power cut before that leaves no chunk that
looks whole and is not.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from provisioner.store.files import failing, sync_all, write_new
from provisioner.store.names import Reference
from provisioner.store.protocol import Sign


class DirectoryIngest:
    """The Ingest of a DirectoryStore."""

    def __init__(
        self, incoming: Path, place: Callable[[bytes], Path], publish: Callable[[str, Sign], Reference]
    ) -> None:
        self._incoming, self._place, self._publish = incoming, place, publish
        self._pending: dict[bytes, Path] = {}
        self._lock = threading.Lock()

    def has(self, digests: Sequence[bytes]) -> set[bytes]:
        """See ChunkSink."""
        return {digest for digest in digests if digest in self._pending or self._place(digest).exists()}

    def put(self, digest: bytes, data: bytes) -> None:
        """See ChunkSink. Raises StoreFullError, StoreError."""
        path = self._incoming / uuid.uuid4().hex
        with failing("store a chunk", path):
            write_new(path, data)
        with self._lock:
            earlier, self._pending[digest] = self._pending.get(digest), path
        if earlier is not None:
            earlier.unlink()

    def commit(self, name: str, sign: Sign) -> Reference:
        """See Ingest."""
        if self._pending:
            sync_all(self._incoming)
            with failing("store chunks", self._incoming):
                for digest, path in self._pending.items():
                    place = self._place(digest)
                    place.parent.mkdir(exist_ok=True)
                    path.rename(place)
            self._pending.clear()
        sync_all(self._incoming)  # also what another capture has just moved in, and we rely on
        return self._publish(name, sign)

    def abandon(self) -> None:
        """Delete what was put and not committed."""
        for path in self._pending.values():
            with contextlib.suppress(OSError):
                path.unlink()
        self._pending.clear()
