"""Sizes and durations as people read them."""

from __future__ import annotations

import pytest

from provisioner.base.units import binary, clock, duration


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1024**2 - 1, "1.0 MiB"), (10 * 1024**4, "10.0 TiB")],
)
def test_bytes(count: float, text: str) -> None:
    """Powers of 1024, never 1024 of a unit."""
    assert binary(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (65, "1 min 05 s"), (3725, "1 h 02 min")]
)
def test_seconds(seconds: float, text: str) -> None:
    """As people say it."""
    assert duration(seconds) == text


@pytest.mark.parametrize("at", [1e18, -1e18, 9.2e18, -3.5, 0.0])
def test_any_time_can_be_shown(at: float) -> None:
    """An agent says what it likes; a page that cannot show it would hide the job."""
    assert clock(at)
    assert clock(None) == ""
