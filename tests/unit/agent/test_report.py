"""Reports: ordered, thinned out, and never lost while the appliance is away."""

import threading

import pytest

from initramfs.agent.errors import ServerError
from initramfs.agent.report import Outbox, Reporter
from initramfs.agent.wire import Report, Reports, StepState


def states(reports: list[Report]) -> list[tuple[str, StepState]]:
    """What happened, without the rest."""
    return [(report.step, report.state) for report in reports]


def test_a_step_that_succeeds_is_started_and_finished() -> None:
    """In this order, numbered without gaps."""
    seen: list[Report] = []
    reporter = Reporter((seen.append,), now=lambda: 1.0)
    with reporter.step("write", "Write images") as progress:
        progress(5, 10)
    assert states(seen) == [
        ("write", StepState.STARTED),
        ("write", StepState.PROGRESS),
        ("write", StepState.FINISHED),
    ]
    assert [report.sequence for report in seen] == [1, 2, 3]


def test_a_step_that_fails_says_why_and_the_error_goes_on() -> None:
    """The caller decides what a failure means."""
    seen: list[Report] = []
    reporter = Reporter((seen.append,), now=lambda: 1.0)
    with pytest.raises(ValueError, match="disk on fire"), reporter.step("write", ""):
        raise ValueError("disk on fire")
    assert seen[-1].state is StepState.FAILED
    assert seen[-1].detail == "disk on fire"


def test_progress_is_thinned_out_but_its_end_is_kept() -> None:
    """A thousand chunks in no time are two events: the first and the last."""
    seen: list[Report] = []
    reporter = Reporter((seen.append,), now=lambda: 1.0)
    with reporter.step("write", "") as progress:
        for done in range(1, 1001):
            progress(done, 1000)
    assert [report.done for report in seen if report.state is StepState.PROGRESS] == [1, 1000]


def test_the_outbox_keeps_order_while_the_other_side_is_slow() -> None:
    """What piles up is sent in one batch, oldest first; closing waits for all of it."""
    gate, got = threading.Event(), list[Report]()

    def send(batch: Reports) -> None:
        gate.wait()
        got.extend(batch.reports)

    outbox = Outbox(send)
    for number in range(1, 51):
        outbox.put(Report(number, 0.0, "write", StepState.LOG))
    gate.set()
    outbox.close()
    assert [report.sequence for report in got] == list(range(1, 51))


def test_a_refusal_is_not_swallowed() -> None:
    """If the appliance says no (a cancelled job), closing says so."""

    def send(_batch: Reports) -> None:
        raise ServerError("403")

    outbox = Outbox(send)
    outbox.put(Report(1, 0.0, "write", StepState.LOG))
    with pytest.raises(ServerError):
        outbox.close()
