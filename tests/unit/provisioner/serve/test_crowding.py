"""Which connections have to go: the limits, and that who wants little loses nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netboot.http.connections import Connection
from provisioner.serve.crowding import IDLE, fair_share, surplus


def opened(**sources: list[float]) -> list[Connection]:
    """Connections by their source, each silent for so many seconds."""
    return [
        Connection(number, ("192.0.2.1", 80), (source, number), silent)
        for source, silences in sources.items()
        for number, silent in enumerate(silences)
    ]


def test_a_source_has_a_limit() -> None:
    """Those that were silent for longest go; others are not touched."""
    ended = surplus(opened(many=[5, 1, 9, 3], one=[200]), room=100, per_source=2)
    assert sorted((c.peer[0], c.silent) for c in ended) == [("many", 5), ("many", 9)]


def test_what_is_silent_for_too_long_goes() -> None:
    """However much room there is."""
    ended = surplus(opened(a=[IDLE + 1, IDLE - 1]), room=100)
    assert [c.silent for c in ended] == [IDLE + 1]


def test_when_it_gets_narrow_the_greedy_give() -> None:
    """Who has few keeps them all."""
    ended = surplus(opened(a=[1.0] * 50, b=[1.0] * 50, c=[1.0] * 3), room=43)
    assert {source: sum(c.peer[0] == source for c in ended) for source in "abc"} == {"a": 30, "b": 30, "c": 0}


@pytest.mark.parametrize(
    ("wanted", "room", "share"),
    [([], 10, 10), ([5], 10, 10), ([20], 10, 10), ([1, 20, 20], 11, 5), ([9] * 3, 2, 0)],
)
def test_the_fair_share(wanted: list[int], room: int, share: int) -> None:
    """The same for all that want more."""
    assert fair_share(wanted, room) == share


@given(st.lists(st.integers(1, 200), max_size=30), st.integers(1, 500))
def test_the_fair_share_fits_and_wastes_nothing(wanted: list[int], room: int) -> None:
    """One more for each would be too much, unless all have what they want."""
    share = fair_share(wanted, room)
    assert sum(min(count, share) for count in wanted) <= room
    if sum(wanted) > room:
        assert sum(min(count, share + 1) for count in wanted) > room
