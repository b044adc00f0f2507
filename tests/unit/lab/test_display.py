"""What the demo says about a step that moves bytes."""

from __future__ import annotations

from tests.lab.display import MIB, pace


def test_pace_and_time_left() -> None:
    """From the beginning of the step until now."""
    assert pace({"started": 10.0, "done": 40 * MIB, "total": 100 * MIB}, 14.0) == ("10.0 MiB/s", "6 s")


def test_nothing_is_claimed_before_the_first_byte_nor_after_the_last() -> None:
    """Nor for steps without bytes."""
    assert pace({"started": 10.0, "done": 0, "total": 100}, 14.0) == ("", "")
    assert pace({"started": 10.0, "done": 100, "total": 100}, 14.0) == ("", "")
    assert pace({}, 14.0) == ("", "")
