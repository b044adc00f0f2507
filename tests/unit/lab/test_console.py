"""The console finds what a machine says, however it arrives and however it is painted."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.machines.console import Console
from tests.lab.waiting import Deadline, TooLateError

PAINTED = b"\x1b[2J\x1b[1;31mGNU \x1b[0mGRUB\x1b(B\x1b[5;7H ok\r\n\x1b[?25hpc1 login: "


@given(st.lists(st.integers(0, len(PAINTED)), max_size=8))
def test_control_sequences_disappear_wherever_the_line_cuts(cuts: list[int]) -> None:
    """Any pieces of the same bytes give the same text."""
    console = Console()
    edges = [0, *sorted(cuts), len(PAINTED)]
    for begin, end in pairwise(edges):
        console.feed(PAINTED[begin:end], 0.0)
    assert console.text == "GNU GRUB ok\r\npc1 login: "


def test_it_knows_when_something_arrived() -> None:
    """The time of the piece that completed the match."""
    console = Console()
    for at, piece in enumerate((b"pc1 lo", b"gin", b": ", b"more")):
        console.feed(piece, float(at))
    seen = console.find(r"pc1 login:")
    assert seen is not None
    assert seen.at == 2.0


def test_it_waits_for_what_is_not_there_yet() -> None:
    """The waiter is woken by the machine, not by a clock."""
    console = Console()
    speaker = threading.Thread(target=console.feed, args=(b"hello\n", 7.0))
    speaker.start()
    assert console.expect("hello", Deadline.within(10)).at == 7.0
    speaker.join()


def test_a_machine_that_is_off_is_not_waited_for() -> None:
    """The error shows the last words."""
    console = Console()
    console.feed(b"Kernel panic\n", 0.0)
    console.close()
    with pytest.raises(TooLateError, match=r"the machine is off(.|\n)*Kernel panic"):
        console.expect("login:", Deadline.within(3600))


def test_the_deadline_ends_the_waiting() -> None:
    """Even if the machine goes on talking about other things."""
    with pytest.raises(TooLateError, match="time is up"):
        Console().expect("login:", Deadline.within(0))
