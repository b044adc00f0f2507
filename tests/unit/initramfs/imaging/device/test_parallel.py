"""Threads that work together and stop together."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from initramfs.imaging.device.parallel import Meter, run_parallel


def test_every_item_is_done_once() -> None:
    """By several workers, each made in its own thread."""
    done: list[int] = []
    makers: set[int] = set()

    def make() -> object:
        makers.add(threading.get_ident())
        return done.append

    run_parallel(range(1000), make, 4)  # type: ignore[arg-type]  # list.append is a worker
    assert sorted(done) == list(range(1000))
    assert threading.get_ident() not in makers


def test_the_first_failure_stops_all() -> None:
    """It is raised, and the rest of the items is not touched."""
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10**6):
            taken.append(number)
            yield number

    def work(number: int) -> None:
        if number == 10:
            raise ValueError(number)

    with pytest.raises(ValueError, match="10"):
        run_parallel(items(), lambda: work, 4)
    assert len(taken) < 10**6


def test_a_failure_of_the_items_is_raised_too() -> None:
    """Reading the list can fail like working on it."""

    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        run_parallel(items(), lambda: lambda _item: None, 2)


def test_the_meter_adds_up() -> None:
    """The progress is told from zero to the total, never backwards."""
    told: list[tuple[str, int, int]] = []
    meter = Meter("write", 100, lambda step, done, total: told.append((step, done, total)))
    run_parallel(range(10), lambda: lambda _item: meter.add(10), 4)
    assert told == [("write", done, 100) for done in range(0, 101, 10)]
