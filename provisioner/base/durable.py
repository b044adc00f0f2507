"""Files that survive a loss of power once they were said to be there.

fsync(2) of a file covers its bytes and not its name; a name is durable with its folder's fsync. The store has
calls of its own: it makes thousands of files durable at once.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from provisioner.base import ownership
from provisioner.base.ownership import FILE_MODE


def sync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create(path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """Write a new file, whole or not at all. Raises FileExistsError rather than replace one, OSError."""
    _write(path, data, mode, os.link)


def replace(path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """Write a file, whole or not at all, over one that may be there. Raises OSError."""
    _write(path, data, mode, os.rename)


def _write(path: Path, data: bytes, mode: int, appear: Callable[[Path, Path], None]) -> None:
    new = path.with_name(f".new-{secrets.token_hex(8)}")
    try:
        with os.fdopen(ownership.create(new), "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        appear(new, path)
    finally:
        new.unlink(missing_ok=True)
    sync(path.parent)
