"""Files that survive a loss of power once they were said to be there.

fsync(2) of a file covers its bytes and not its name; a name is durable with its folder's fsync. The store has
calls of its own: it makes thousands of files durable at once.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from provisioner.base.ownership import FILE_MODE, give


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


def _write(path: Path, data: bytes, mode: int, appear: Callable[[str, Path], None]) -> None:
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=".new-", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            give(file.fileno(), path.parent)
            os.fsync(file.fileno())
            appear(file.name, path)
        finally:
            Path(file.name).unlink(missing_ok=True)
    sync(path.parent)
