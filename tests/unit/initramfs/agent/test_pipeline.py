"""The only loop: everything announced, run in order, stopped at the first failure."""

from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from initramfs.agent.errors import StepError
from initramfs.agent.fetch import Appliance, Clock
from initramfs.agent.pipeline import Context, execute
from initramfs.agent.report import Reporter, StepProgress
from initramfs.messages import Report, StepState


@dataclass(frozen=True)
class Note:
    """A step that writes down that it ran."""

    name: str
    ran: list[str] = field(default_factory=list)
    fails: bool = False
    title: str = ""

    def run(self, context: Context, progress: StepProgress) -> None:
        """Write it down."""
        del context, progress
        self.ran.append(self.name)
        if self.fails:
            raise StepError("no more paper")


def context() -> Context:
    """Nothing is asked of it here."""
    clock = Clock(lambda: 0.0, lambda _seconds: None)
    return Context(
        Appliance("http://127.0.0.1:9", clock), Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    )


def test_the_first_failure_stops_the_job() -> None:
    """What comes after it is planned, never started."""
    ran: list[str] = []
    seen: list[Report] = []
    steps = [Note("one", ran), Note("two", ran, fails=True), Note("three", ran)]
    with pytest.raises(StepError):
        execute(steps, context(), Reporter((seen.append,), now=lambda: 0.0))
    assert ran == ["one", "two"]
    assert [(r.step, r.state) for r in seen] == [
        ("one", StepState.PLANNED),
        ("two", StepState.PLANNED),
        ("three", StepState.PLANNED),
        ("one", StepState.STARTED),
        ("one", StepState.FINISHED),
        ("two", StepState.STARTED),
        ("two", StepState.FAILED),
    ]


def test_a_step_finds_what_an_earlier_one_has_left() -> None:
    """By its type; a plan without the earlier step is a bug of the plan, and says which is missing."""
    going_on, note = context(), Note("one")
    with pytest.raises(AssertionError, match="no earlier step that leaves a Note"):
        going_on.find(Note)
    going_on.leave(note)
    assert going_on.find(Note) is note
