"""Who writes next: what matters first, and nobody waits for ever."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from provisioner.database.turns import TooManyError, Turns, Urgency
from tests.lab.waiting import Deadline, until


def test_what_matters_goes_first() -> None:
    """History waits as long as somebody waits for an answer, however long it has waited already."""
    turns, order = Turns(10, 60.0), list[str]()

    def take(name: str, urgency: Urgency) -> None:
        with turns.turn(urgency):
            order.append(name)

    threads = [threading.Thread(target=take, args=("later", Urgency.LATER))]
    threads += [threading.Thread(target=take, args=("now", Urgency.NOW)) for _ in range(3)]
    with turns.turn(Urgency.NOW):
        for thread in threads:
            thread.start()
        until(lambda: turns.waiting == (3, 1), Deadline.within(30), "all to wait")
    for thread in threads:
        thread.join(30)
    assert order == ["now", "now", "now", "later"]


def test_too_many_are_told_at_once() -> None:
    """Else they would take the threads of those who only read."""
    turns = Turns(0, 60.0)
    with turns.turn(Urgency.LATER), pytest.raises(TooManyError), turns.turn(Urgency.NOW):
        pass


def test_a_turn_that_does_not_come_is_given_up() -> None:
    """And the next one comes."""
    turns = Turns(10, 0.01)
    with turns.turn(Urgency.NOW), pytest.raises(TooManyError), ExitStack() as stack:
        stack.enter_context(turns.turn(Urgency.NOW))
    with turns.turn(Urgency.LATER):
        assert turns.waiting == (0, 0)
