"""Who looks after the processes: every decision, without a process."""

from __future__ import annotations

import pytest

from provisioner.serve.supervision import (
    LONGEST_DELAY,
    SILENCE,
    START_PATIENCE,
    STEADY,
    STOP_PATIENCE,
    Announce,
    Finish,
    Kill,
    Phase,
    Say,
    Start,
    Supervision,
    Terminate,
)


@pytest.fixture(name="serving")
def serving_() -> Supervision:
    """Two parts that are ready since second 1."""
    both = Supervision(("a", "b"))
    both.start(0)
    both.ready("a", 1)
    both.ready("b", 1)
    return both


def test_ready_is_announced_once_and_by_all() -> None:
    """Not before the last part is ready, and never again."""
    both = Supervision(("a", "b"))
    assert both.start(0) == [Start("a"), Start("b")]
    assert both.ready("b", 1) == []
    assert both.ready("a", 2) == [Announce()]
    both.died("a", "signal 9", 100)
    both.tick(101)
    assert Announce() not in both.ready("a", 102)


def test_dead_part_comes_back_alone(serving: Supervision) -> None:
    """What it left is swept away, the other part goes on, and the restart waits a little."""
    actions = serving.died("a", "signal 9", 10)
    assert actions[0] == Kill("a")
    assert "signal 9" in str(actions[1])
    assert serving.wake() == 10.5
    assert serving.tick(10.4) == []
    assert serving.tick(10.5) == [Start("a")]
    assert serving.phase is Phase.SERVING
    assert serving.wake() == 10.5 + START_PATIENCE
    serving.ready("a", 12)
    assert serving.wake() is None


def test_a_part_that_is_stuck_is_killed(serving: Supervision) -> None:
    """It lives, and gives no sign of it any more; the other one does, and goes on."""
    for name in ("a", "b"):
        serving.alive(name, 10)
    serving.alive("b", 10 + SILENCE)
    assert serving.wake() == 10 + SILENCE
    assert serving.tick(10 + SILENCE - 1) == []
    say, kill = serving.tick(10 + SILENCE)
    assert isinstance(say, Say)
    assert "a does not answer" in say.line
    assert kill == Kill("a")
    assert serving.tick(11 + SILENCE) == [], "once"
    assert serving.died("a", "signal 9", 11 + SILENCE)[0] == Kill("a")
    assert serving.tick(12 + SILENCE) == [Start("a")]


def test_a_restart_that_hangs_is_killed(serving: Supervision) -> None:
    """As the first start would end everything."""
    serving.died("a", "signal 9", 10)
    serving.tick(11)
    say, kill = serving.tick(11 + START_PATIENCE)
    assert "does not become ready" in str(say)
    assert kill == Kill("a")


def test_restarts_slow_down_and_are_forgiven(serving: Supervision) -> None:
    """Delays double up to a limit; a part that lived for a minute starts from the shortest again."""
    now, delays = 10.0, []
    for _ in range(10):
        serving.died("a", "exit status 1", now)
        due = serving.wake()
        assert due is not None
        delays.append(due - now)
        serving.tick(due)
        now = due
    assert delays[:4] == [0.5, 1.0, 2.0, 4.0]
    assert delays[-1] == LONGEST_DELAY
    serving.died("a", "exit status 1", now + STEADY)
    assert serving.wake() == now + STEADY + 0.5


def test_first_start_that_fails_ends_all() -> None:
    """A part that dies before everything was ready is a reason to stop, with its name."""
    both = Supervision(("a", "b"))
    both.start(0)
    assert both.died("a", "exit status 1", 1) == [Kill("a"), Terminate("b")]
    (sweep, end) = both.died("b", "signal 15", 2)
    assert sweep == Kill("b")
    assert isinstance(end, Finish)
    assert "a could not start" in end.failure


def test_start_that_takes_too_long() -> None:
    """A part that is never ready does not keep everybody waiting."""
    both = Supervision(("a", "b"))
    both.start(0)
    both.ready("a", 1)
    assert both.wake() == START_PATIENCE
    assert both.tick(START_PATIENCE) == [Terminate("a"), Terminate("b")]
    both.died("a", "signal 15", START_PATIENCE + 1)
    assert both.died("b", "signal 15", START_PATIENCE + 1)[-1] == Finish(
        f"b was not ready within {START_PATIENCE:.0f} s"
    )


def test_orderly_stop(serving: Supervision) -> None:
    """Everybody is asked once; the end comes with the last one, and is no failure."""
    assert serving.stop(10) == [Terminate("a"), Terminate("b")]
    assert serving.stop(11) == []
    assert serving.died("b", "exit status 0", 11) == [Kill("b")]
    assert serving.died("a", "exit status 0", 12) == [Kill("a"), Finish()]


def test_stop_takes_a_bounded_time(serving: Supervision) -> None:
    """Who does not end is killed, once."""
    serving.stop(10)
    serving.died("b", "exit status 0", 11)
    assert serving.wake() == 10 + STOP_PATIENCE
    late = serving.tick(10 + STOP_PATIENCE)
    assert late == [Say("a does not end; killing it"), Kill("a")]
    assert serving.tick(20) == []


def test_stop_while_a_part_waits_for_its_restart(serving: Supervision) -> None:
    """A part that is down is neither asked nor started any more."""
    serving.died("a", "signal 9", 10)
    assert serving.stop(10.1) == [Terminate("b")]
    assert serving.tick(10.6) == []
    assert serving.died("b", "exit status 0", 11)[-1] == Finish()


def test_a_part_that_was_not_listened_to_is_not_stuck(serving: Supervision) -> None:
    """The whole machine was frozen for a snapshot: nobody looked when it would have been time, or spoke."""
    serving.alive("a", 10)
    assert serving.tick(10 + SILENCE + 600) == []
    assert serving.wake() == 10 + SILENCE + 600 + SILENCE
    assert Kill("a") in serving.tick(10 + SILENCE + 600 + SILENCE)
