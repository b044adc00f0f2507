"""The two clocks: what a set clock does not change."""

from __future__ import annotations

import pytest

from provisioner.base import clock
from provisioner.base.clock import STEP, Calm, Moment

BOOT, OTHER = b"a" * 16, b"b" * 16


@pytest.mark.parametrize("set_to", [-1e9, 0.0, 1e9])
def test_age_within_one_start_of_the_machine(set_to: float) -> None:
    """By the clock that goes on."""
    assert Moment(1e9 + 5 + set_to, 105.0, BOOT).since(Moment(1e9, 100.0, BOOT)) == 5.0


@pytest.mark.parametrize("boot", [OTHER, b""])
def test_age_across_starts(boot: bytes) -> None:
    """By the time of day: there is no other."""
    assert Moment(1e9 + 60, 3.0, boot).since(Moment(1e9, 100.0, BOOT)) == 60.0


def test_now_is_of_this_start() -> None:
    """And goes on."""
    first, second = clock.now(), clock.now()
    assert second.steady >= first.steady
    assert first.boot == second.boot


def test_calm_ends_when_the_clock_is_set() -> None:
    """A little drift is no step."""
    calm = Calm(Moment(1000.0, 10.0))
    assert calm.seconds(Moment(1010.0 + STEP / 2, 20.0)) == 10.0
    assert calm.seconds(Moment(1020.0 + STEP, 30.0)) == 20.0
    assert calm.seconds(Moment(8000.0, 40.0)) == 0.0
    assert calm.seconds(Moment(8010.0, 50.0)) == 10.0
    assert calm.seconds(Moment(20.0, 60.0)) == 0.0
