"""What is ignored is said, in bounded number; time is given."""

from __future__ import annotations

from netboot.events import Kind
from netboot.remarks import Remarks


class Told:
    """Takes events."""

    def __init__(self) -> None:
        self.lines: list[tuple[Kind, str, str]] = []

    def __call__(self, kind: Kind, mac: str, detail: str) -> None:
        self.lines.append((kind, mac, detail))


def test_one_machine_is_told_of_a_few_times() -> None:
    """It repeats its DISCOVER for hours; minutes later it is worth a line again."""
    told = Told()
    remarks = Remarks(told)
    for second in range(10):
        remarks.ignored("aa", "192.0.2.9", "why", float(second))
    assert told.lines == [(Kind.IGNORED, "aa", "why")] * 3
    remarks.ignored("aa", "192.0.2.9", "why", 310.0)
    assert len(told.lines) == 4


def test_a_flood_is_counted_not_told() -> None:
    """Ten thousand sources in a second; then how many were left out."""
    told = Told()
    remarks = Remarks(told)
    for number in range(10_000):
        remarks.ignored(f"{number}", "192.0.2.9", "why", number / 10_000)
    assert 100 <= len(told.lines) <= 110
    remarks.ignored("later", "192.0.2.9", "y" * 1000, 60.0)
    assert "more, too many to be told one by one" in told.lines[-2][2]
    assert len(told.lines[-1][2]) <= 200
