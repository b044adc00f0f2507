"""Reading an SQLite database whose disk is full: a copy of it in memory.

A reader needs a small file beside the database (its shared memory), and there is no room to make it. Who
holds the database alone needs none; so it is held for as long as it takes to copy it. Otherwise nothing could
be read when the disk is full, not even which images jobs need, and nothing could be deleted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool


@contextmanager
def snapshot(path: Path) -> Iterator[Engine]:
    """An engine over a copy of the database as it is now. Raises OperationalError if it cannot be read."""
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    with closing(memory):
        try:
            with closing(sqlite3.connect(path)) as source:
                source.execute("PRAGMA locking_mode = EXCLUSIVE")
                source.backup(memory)
        except sqlite3.Error as error:
            raise OperationalError("copy it into memory", None, error) from error
        engine = create_engine("sqlite://", creator=lambda: memory, poolclass=StaticPool)
        try:
            yield engine
        finally:
            engine.dispose()
