"""Deleting chunks that nothing needs, while captures and restores go on.

Mark first, without a lock; then sweep in small batches, each under the exclusive lock and each after asking
again what to keep: an image that appeared meanwhile and a capture that was told "you need not send this"
count before anything is deleted.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path

from provisioner.stores.directory.catalogue import CLAIMED
from provisioner.stores.directory.chunks import stored
from provisioner.stores.directory.incoming import is_alive, relied
from provisioner.stores.directory.places import Places
from provisioner.stores.files import failing
from provisioner.stores.protocols import Keep, Leased

BATCH = 500
"""Chunks deleted under one lock: captures wait for so many at most."""
UPLOAD_AGE = 24 * 3600.0
"""Seconds that uploads stay without a lease."""


def sweep(places: Places, keep: Keep, *, leased: Leased, now: float) -> tuple[int, int]:
    """Delete what is not needed; how many chunks, and their bytes. Raises StoreError, and as ``keep``."""
    with failing("prune chunks", places.root):
        _leftovers(places, leased=leased, now=now)
        needed = keep()
        candidates = iter([digest for digest in stored(places) if digest not in needed])
        count = size = 0
        while batch := list(islice(candidates, BATCH)):
            with places.lock(exclusive=True):
                for path in _unneeded(places, batch, keep()):
                    count, size = count + 1, size + path.stat().st_size
                    path.unlink()
    return count, size


def _unneeded(places: Places, batch: Iterable[bytes], kept: Collection[bytes]) -> Iterator[Path]:
    also = relied(places)
    for digest in batch:
        if digest not in kept and digest not in also:
            yield places.chunk(digest)


def _leftovers(places: Places, *, leased: Leased, now: float) -> None:
    """What crashes have left: captures whose process is gone, claims of generations, old uploads."""
    with places.lock(exclusive=True):
        for claim in places.manifests.glob(f"*/*{CLAIMED}"):
            claim.unlink()  # publishing needs the lock, which is ours
        for path in places.incoming.glob("*"):
            if path.is_file():
                path.unlink()  # of an earlier version
            elif path != places.uploads and not is_alive(path):
                shutil.rmtree(path)
        if not leased():
            _old_uploads(places, now - UPLOAD_AGE)


def _old_uploads(places: Places, before: float) -> None:
    for path in places.uploads.glob("*/*"):
        if path.stat().st_mtime < before:
            path.unlink()
    for folder in places.uploads.glob("*"):
        with contextlib.suppress(OSError):  # not empty
            folder.rmdir()
