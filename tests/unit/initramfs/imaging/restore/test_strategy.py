"""Where a disk is probed, and what the probes mean."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initramfs.imaging.restore.strategy import (
    FEW,
    PROBES,
    SCOUTS,
    STRETCH,
    Adaptive,
    Different,
    Everything,
    Rates,
    scouts,
    spread,
    worth_looking,
)

MB = 1_000_000.0


@given(start=st.integers(0, 10_000), length=st.integers(1, 10_000), wanted=st.integers(1, 64))
def test_probes_are_spread_evenly(start: int, length: int, wanted: int) -> None:
    """Different ones, in order, inside, the first among them, none far from the next."""
    found = spread(start, start + length, wanted)
    assert found == sorted(set(found))
    assert found[0] == start
    assert len(found) == min(wanted, length)
    for one, other in zip(found, [*found[1:], start + length], strict=True):
        assert 1 <= other - one <= length // len(found) + 1


@given(count=st.integers(1, 2**32))
def test_scouts_are_few_and_dense_at_the_start(count: int) -> None:
    """A restore that was cut early is noticed, and a terabyte is probed in seconds."""
    found = scouts(count)
    assert {0, min(1, count - 1)} <= set(found)
    assert all(0 <= number < count for number in found)
    assert len(found) <= SCOUTS + 33


@pytest.mark.parametrize(
    ("share", "read", "fetch", "looks"),
    [
        (0.0, 500, 100, False),  # nothing hit
        (1.0, 100, 10_000, True),  # all hit: however slow the disk is
        (0.25, 500, 100, True),  # a fast disk on a slow network
        (0.15, 500, 100, False),
        (0.25, 100, 1000, False),  # a slow disk on a fast network
        (0.75, 100, 1000, True),
        (0.25, 100, None, True),  # the network was not measured
        (0.0, 100, None, False),
    ],
)
def test_looking_must_pay(share: float, read: float, fetch: float | None, looks: bool) -> None:  # noqa: FBT001 - a table
    """The slower the network and the faster the disk, the sooner it does."""
    rates = Rates(read * MB, fetch * MB if fetch else None)
    assert worth_looking(share, rates) is looks


@given(
    share=st.floats(0, 1),
    read=st.floats(1, 1e10),
    fetch=st.floats(1, 1e10),
)
def test_the_decision_is_the_faster_one(share: float, read: float, fetch: float) -> None:
    """Compared with the time that both ways take, for a disk that writes as fast as it reads."""
    write = min(fetch, read)
    without = 1 / write + 1 / read
    looking = 1 / read + (1 - share) * without
    if abs(looking - without) > 1e-9 * without:
        assert worth_looking(share, Rates(read, fetch)) is (looking < without)


class Held:
    """A target that holds the extents with these numbers, and counts what is asked."""

    def __init__(self, count: int, held: Collection[int]) -> None:
        self.count, self.held = count, frozenset(held)
        self.read_rate = 100 * MB
        self.asked = 0

    def probe(self, numbers: Collection[int]) -> set[int]:
        self.asked += len(numbers)
        return set(numbers) & self.held


def chosen(held: Held, fetch: float | None = 50 * MB) -> set[int]:
    """What is looked at."""
    choice = Adaptive().choose(held, fetch)
    return {number for number in range(held.count) if choice(number)}


def test_a_blank_disk_is_not_hashed() -> None:
    """Some dozen probes for a hundred thousand chunks."""
    held = Held(100_000, ())
    assert chosen(held) == set()
    assert held.asked < 40


def test_an_older_generation_is_looked_at_wholly() -> None:
    """Wherever it differs, most of it does not."""
    held = Held(10_000, set(range(10_000)) - set(range(0, 10_000, 37)))
    assert chosen(held) == set(range(10_000))
    assert held.asked < 10_000 / STRETCH * PROBES + 60


@pytest.mark.parametrize("done", [1, 2, 300, 5_000, 9_999])
def test_what_a_cut_restore_has_written_is_looked_at(done: int) -> None:
    """It wrote from the start; behind that nothing is looked at but the stretch where it ended."""
    looked = chosen(Held(10_000, range(done)), fetch=10 * MB)
    assert set(range(done)) <= looked
    assert max(looked) < done + STRETCH


def test_few_extents_are_looked_at_without_probing() -> None:
    """Probing half of them would save nothing."""
    held = Held(FEW, ())
    assert chosen(held) == set(range(FEW))
    assert held.asked == 0


def test_the_simple_strategies_are_simple() -> None:
    """All, or nothing."""
    assert not Everything.looks
    assert not Everything().choose(Held(9, ()), None)(3)
    assert Different().choose(Held(9, ()), None)(3)
