"""One laboratory for all end-to-end tests of a run; what it has seen is kept in ``build/e2e``."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.lab.cache import BUILD
from tests.lab.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = BUILD / "e2e"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Network namespaces and tap devices are the superuser's."""
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A LAN with a foreign DHCP server and a serving appliance; no machines, no images yet."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    with Lab(FOLDER) as lab:
        yield lab
    for disk in FOLDER.glob("**/*.img"):
        disk.unlink()  # the logs and the capture stay for looking at failures
