"""Reports: ordered, thinned out, and never lost while the appliance is away."""

import threading

import pytest

from initramfs.agent.errors import AgentError, ServerError, Unreachable
from initramfs.agent.job_lines import failure
from initramfs.agent.report import Outbox, Reporter, ending, going_on
from initramfs.messages import MAX_REPORTS, Report, Reports, StepState, decode, encode


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
    reporter = Reporter((seen.append,), now=lambda: 1.0, clock=lambda: 1.0)
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


def test_draining_waits_until_all_has_been_taken() -> None:
    """And raises what ended the sending, whatever that was."""
    got: list[Report] = []
    outbox = Outbox(lambda batch: got.extend(batch.reports))
    for number in range(1, 51):
        outbox.put(Report(number, 0.0, "write", StepState.LOG))
    outbox.drain()
    assert [report.sequence for report in got] == list(range(1, 51))
    outbox.close()


def test_what_an_image_says_steers_no_terminal_and_can_be_told() -> None:
    """A host name of the image may hold an escape, or bytes that are no text: messages refuse these."""
    seen: list[Report] = []
    reporter = Reporter((seen.append,), now=lambda: 1.0)
    with reporter.step("personalise", "") as progress:
        progress.log("the name \x1b[2J\udcff\u202e is pc1 now")
    assert seen[1].detail == r"the name \x1b[2J\udcff\u202e is pc1 now"
    assert decode(Reports, encode(Reports(tuple(seen)))) == Reports(tuple(seen))
    assert ending("a\x00\nb") == "a\\x00\nb"
    assert "\x1b" not in "".join(failure("\x1b[31m", "\x1b[0m"))


def test_an_agent_with_nothing_to_report_says_so() -> None:
    """A step that shows no progress must not look like a dead machine."""
    beats = threading.Semaphore(0)
    outbox = Outbox(lambda batch: beats.release() if not batch.reports else None, beat=0.01)
    for _ in range(3):
        assert beats.acquire(timeout=30)
    outbox.close()


@pytest.mark.parametrize(
    ("raised", "told"), [(Unreachable("away"), "away"), (ZeroDivisionError(), "ZeroDivisionError")]
)
def test_draining_ends_when_the_sending_has(raised: Exception, told: str) -> None:
    """Nothing that was not told is taken for told."""

    def send(_batch: Reports) -> None:
        raise raised

    outbox = Outbox(send)
    outbox.put(Report(1, 0.0, "write", StepState.LOG))
    with pytest.raises(AgentError, match=told):
        outbox.drain()


def test_a_refusal_is_not_swallowed() -> None:
    """If the appliance says no (a cancelled job), closing says so."""

    def send(_batch: Reports) -> None:
        raise ServerError("403")

    outbox = Outbox(send)
    outbox.put(Report(1, 0.0, "write", StepState.LOG))
    with pytest.raises(ServerError):
        outbox.close()


def test_whoever_goes_on_reporting_after_a_refusal_is_stopped() -> None:
    """The engine's threads report progress: an agent whose job was taken from it stops writing."""
    refused = threading.Event()

    def send(_batch: Reports) -> None:
        refused.set()
        raise ServerError("job 7 was started again by another contact")

    outbox = Outbox(send)
    outbox.put(Report(1, 0.0, "write", StepState.STARTED))
    assert refused.wait(30)
    outbox._thread.join(30)
    with pytest.raises(ServerError, match="started again"):
        outbox.put(Report(2, 0.0, "write", StepState.PROGRESS))


def test_an_appliance_that_is_away_for_good_stops_nobody() -> None:
    """What is under way ends; that nobody could be told is said at the end."""

    def send(_batch: Reports) -> None:
        raise Unreachable("waited half an hour")

    outbox = Outbox(send)
    outbox.put(Report(1, 0.0, "commit", StepState.STARTED))
    outbox._thread.join(30)
    outbox.put(Report(2, 0.0, "commit", StepState.FINISHED))
    with pytest.raises(Unreachable):
        outbox.close()


def test_a_clock_that_jumps_to_1970_disturbs_nothing() -> None:
    """Durations and the pace of progress are measured otherwise."""
    days, seconds = iter([1_700_000_000.0, 1_700_000_000.0, 3.0, 3.0, 3.0, 3.0]), iter([0.0, 1.0, 2.0, 3.0])
    seen: list[Report] = []
    reporter = Reporter((seen.append,), now=lambda: next(days), clock=lambda: next(seconds))
    with reporter.step("write", "") as progress:
        progress(1, 10)
        progress(2, 10)
    assert [report.done for report in seen if report.state is StepState.PROGRESS] == [1, 2]
    assert reporter.seconds == {"write": 3.0}


def test_the_time_of_day_goes_on_from_what_was_told() -> None:
    """Whatever this machine's own clock says."""
    seconds = iter([100.0, 100.0, 112.5])
    now = going_on(1_700_000_000.0, clock=lambda: next(seconds))
    assert [now(), now()] == [1_700_000_000.0, 1_700_000_012.5]


def test_what_piles_up_is_sent_in_messages_that_are_taken() -> None:
    """After an hour without the appliance; in order, and complete."""
    gate, got = threading.Event(), list[Reports]()

    def send(batch: Reports) -> None:
        gate.wait()
        got.append(decode(Reports, encode(batch)))

    outbox = Outbox(send)
    for number in range(1, 2 * MAX_REPORTS + 10):
        outbox.put(Report(number, 1.0, "write", StepState.LOG))
    gate.set()
    outbox.close()
    assert max(len(batch.reports) for batch in got) <= MAX_REPORTS
    assert [r.sequence for batch in got for r in batch.reports] == list(range(1, 2 * MAX_REPORTS + 10))


def test_a_tool_that_says_too_much_is_heard_at_its_end() -> None:
    """A report that the appliance would refuse would end the job."""
    seen: list[Report] = []
    reporter = Reporter((seen.append,), now=lambda: 1.0)
    with pytest.raises(ValueError, match="wrong"), reporter.step("write", "t" * 1000):
        raise ValueError("x" * 100_000 + " this is wrong")
    assert seen[-1].detail.endswith(" this is wrong")
    assert decode(Reports, encode(Reports(tuple(seen)))) == Reports(tuple(seen))
