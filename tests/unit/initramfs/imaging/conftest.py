"""These tests' disks lie in memory: every restore flushes several times, which real disks take seriously."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder on a tmpfs."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="disks-") as name:
        yield Path(name)
