"""Folders of the cache that are there completely or not at all, and one builder at a time."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait until no other builder works with this lock file, and keep others out meanwhile."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def replace(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which becomes ``folder`` only if the body succeeds."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as work:
        new = Path(work) / "folder"
        new.mkdir()
        yield new
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)


def forget_old(parent: Path, keep: int, current: Path) -> None:
    """Remove all but the ``keep`` youngest folders in ``parent``; ``current`` counts as the youngest."""
    current.touch()
    folders = [path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for path in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)[keep:]:
        shutil.rmtree(path)
