"""How often a source may guess: the waits, and that nobody else waits."""

from __future__ import annotations

import pytest

from provisioner.security.attempts import FORGIVEN, FREE, LONGEST, SOURCES, Attempts, TooOftenError


def guess(attempts: Attempts, times: int, source: str = "a", now: float = 0.0) -> float:
    """So many wrong guesses, each as early as it may be; when the last was made."""
    for _ in range(times):
        while True:
            try:
                attempts.begin(source, now)
            except TooOftenError:
                now += 0.5
            else:
                break
    return now


def test_people_mistype() -> None:
    """A few wrong guesses cost nothing."""
    assert guess(Attempts(), FREE) == 0.0


def test_guessing_gets_slow() -> None:
    """A thousand guesses take most of a day."""
    assert guess(Attempts(), 1000) > 900 * LONGEST


def test_who_does_not_guess_does_not_wait() -> None:
    """Another source is another matter."""
    attempts = Attempts()
    guess(attempts, 50)
    attempts.begin("b", 0.0)
    with pytest.raises(TooOftenError, match="wrong passwords came from a"):
        attempts.begin("a", 0.0)


def test_the_right_one_is_forgiven_and_so_is_the_past() -> None:
    """At once, or after a while."""
    for forgive in (lambda attempts: attempts.right("a"), lambda _: None):
        attempts = Attempts()
        last = guess(attempts, 20)
        forgive(attempts)
        assert guess(attempts, FREE, now=last + FORGIVEN + 1) == last + FORGIVEN + 1


def test_many_sources_cost_no_memory() -> None:
    """The oldest are forgotten."""
    attempts = Attempts()
    for number in range(SOURCES + 10):
        attempts.begin(str(number), 0.0)
    assert len(attempts._wrong) == SOURCES


def test_the_same_guess_again_is_none() -> None:
    """Of one source; what it has tried says nothing to others, and is forgotten in time."""
    attempts = Attempts()
    attempts.wrong("a", b"old")
    assert attempts.was_wrong("a", b"old")
    assert not attempts.was_wrong("a", b"other")
    assert not attempts.was_wrong("b", b"old")
    for number in range(SOURCES):
        attempts.wrong("b", str(number).encode())
    assert not attempts.was_wrong("a", b"old")
