"""A restore's memory is bounded, whatever the size of the image."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.lab.command import run

pytestmark = pytest.mark.timeout(600)


def test_two_tebibytes_in_a_quarter_of_a_gibibyte(tmp_path: Path) -> None:
    """Two million chunks: index, signature, scan, and all threads at work, in a process of its own."""
    huge = (sys.executable, "-m", "tests.images.memory_use")
    count = str(2 << 20)
    run(*huge, "make", tmp_path / "manifest", count)
    peak = int(run(*huge, "restore", tmp_path / "manifest", count))
    assert peak * 1024 < 256 << 20
