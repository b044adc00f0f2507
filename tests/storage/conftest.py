"""Disks in memory, since every restore flushes several times; and an appliance with a store beside them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images.image_command import Appliance, create_home


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder on a tmpfs."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="disks-") as name:
        yield Path(name)


@pytest.fixture
def appliance(tmp_path: Path) -> Appliance:
    """An empty one."""
    create_home(tmp_path / "home")
    return Appliance(tmp_path / "home")
