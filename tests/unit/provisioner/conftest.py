"""A database for tests of the state: a real file, brought up by the migrations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.database.engine import Database


@pytest.fixture(name="database")
def database_(tmp_path: Path) -> Iterator[Database]:
    """An empty state."""
    database = Database(f"sqlite:///{tmp_path / 'clonesys.db'}")
    database.migrate()
    yield database
    database.close()
