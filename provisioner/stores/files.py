"""Writing files so that they are there wholly or not at all, also after a power cut.

The store's only way to change a file system.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from provisioner.base import access, ownership
from provisioner.stores.errors import StoreBusyError, StoreError, StoreFullError


@contextlib.contextmanager
def failing(what: str, path: Path) -> Iterator[None]:
    """Turn what the system says into a StoreError, a full disk into StoreFullError."""
    try:
        yield
    except OSError as error:
        if error.errno in access.FULL:
            raise StoreFullError(
                f"cannot {what}: no space left at {path}",
                f"{access.ROOM}; or give the store a larger disk",
            ) from error
        told = access.in_words(error, path)
        raise StoreError(f"cannot {what}: {told.message}", told.hint) from error


def write_new(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file that is not there yet. Raises OSError; what was begun is removed again."""
    fd = ownership.create(path)
    try:
        with os.fdopen(fd, "wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
            if durable:
                os.fsync(file.fileno())
    except BaseException:
        path.unlink()
        raise


def sync_all(path: Path) -> None:
    """Make everything on this file system durable: one call for a thousand chunks. Raises StoreError.

    syncfs(2), which Python does not have, but coreutils do; it reports failed writes.
    """
    done = subprocess.run(("sync", "--file-system", path), capture_output=True, text=True, check=False)
    if done.returncode:
        raise StoreError(f"the store's disk did not keep what was written: {done.stderr.strip()}")


@contextlib.contextmanager
def locked(path: Path, *, exclusive: bool, wait: bool = True) -> Iterator[None]:
    """Hold a lock file, made if need be. Raises StoreError; StoreBusyError if it may not ``wait``."""
    with failing("lock the store", path):
        fd = ownership.open_or_create(path, os.O_RDWR)
    try:
        how = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(fd, how if wait else how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreBusyError(f"another process holds {path}", "try again later") from error
        yield
    finally:
        os.close(fd)
