"""A database that is held, broken or flooded: agents and people go first, and nothing dies of it."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from initramfs import messages
from initramfs.messages import Report, Reports, StepState
from netboot.events import Event, Kind
from provisioner.base.clock import Calm, Moment
from provisioner.base.config import Config
from provisioner.base.errors import InvalidError
from provisioner.boot import sink as sinks
from provisioner.boot.sink import DatabaseSink
from provisioner.database.engine import Database, DatabaseError
from provisioner.hosts import registry, sightings
from provisioner.jobs import queue, upkeep
from provisioner.jobs.life import JobState
from provisioner.jobs.reports import MAX_LINES, MAX_STEPS, take_reports
from provisioner.jobs.tables import Job, LogLine
from provisioner.security.tokens import Purpose, issue
from provisioner.serve.controller_part import Rounds
from provisioner.timeline import events
from tests.clients import people
from tests.lab.waiting import Deadline, until

MAC = "52:54:00:00:00:01"
INVENTORY_JOB = messages.Job(0, "inventory", messages.TakeInventory())


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another program has the database for itself."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture(name="hasty")
def hasty_(database: Database, tmp_path: Path) -> Iterator[Database]:  # noqa: ARG001 - it makes the tables
    """The same database for a process that waits for a blink only."""
    hasty = Database(f"sqlite:///{tmp_path / 'clonesys.db'}", patience=0.01)
    yield hasty
    hasty.close()


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What is said to the database meanwhile."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(database._engine, "before_cursor_execute", note)
    yield said
    event.remove(database._engine, "before_cursor_execute", note)


def running(database: Database) -> tuple[int, str]:
    """A job that runs; its number and its agent's token."""
    people.add_host(database, "pc1", [MAC], now=1.0)
    number = people.queue_job(database, "pc1", INVENTORY_JOB, now=1.0)
    with database.write() as session:
        row = session.get_one(Job, number)
        row.state, row.attempts, row.heard = JobState.RUNNING, 1, 1.0
        token = issue(
            session, Purpose.AGENT, host_id=row.host_id, job_id=number, attempt=1, mac=MAC, expires=1e10
        )
    return number, token


def batch(first: int, count: int, state: StepState = StepState.LOG) -> Reports:
    """As many reports, each of a step of its own."""
    return Reports(tuple(Report(first + i, 1.0, f"step {first + i}", state, "title") for i in range(count)))


def test_a_database_that_is_held_is_said_in_words(hasty: Database, tmp_path: Path) -> None:
    """With what to do; reading goes on, and so does writing afterwards."""
    with held(tmp_path / "clonesys.db"):
        with pytest.raises(DatabaseError, match="database is locked") as error:
            people.add_host(hasty, "pc1", [MAC], now=1.0)
        assert "another program" in error.value.hint
        assert queue.list_jobs(hasty) == []
    people.add_host(hasty, "pc1", [MAC], now=1.0)


def test_a_database_that_is_broken_is_said_in_words(tmp_path: Path) -> None:
    """It is no traceback of a library."""
    (tmp_path / "clonesys.db").write_bytes(b"no database" * 1000)
    broken = Database(f"sqlite:///{tmp_path / 'clonesys.db'}")
    with pytest.raises(DatabaseError, match="not a database"):
        queue.list_jobs(broken)
    broken.close()


def test_the_controller_outlives_a_database_that_fails(
    hasty: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so once, and that it goes on again."""
    signs: list[None] = []
    rounds = Rounds(hasty, Config(), Calm(Moment(0.0)), lambda: signs.append(None))
    with held(tmp_path / "clonesys.db"):
        for _ in range(3):
            rounds.turn()
    rounds.turn()
    assert len(signs) == 4
    told = [record.message for record in caplog.records if record.name == "clonesys.controller"]
    assert len(told) == 2
    assert "locked" in told[0]
    assert told[1] == "jobs are looked after again"


def test_events_wait_for_a_database_that_fails(
    hasty: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Those that were taken are written when it comes back; a line of the log says so."""
    monkeypatch.setattr(sinks, "RETRY", 0.01)  # else the test would wait for it
    sink = DatabaseSink(hasty)
    with held(tmp_path / "clonesys.db"), caplog.at_level(logging.WARNING):
        for number in range(700):
            sink.emit(Event(float(number), Kind.SCRIPT, MAC, None, "asked"))
        until(lambda: "waits" in caplog.text, Deadline.within(30), "it to be said")
    sink.close()
    assert [seen.at for seen in events.list_events(hasty)] == [float(n) for n in range(700)]
    assert caplog.text.count("the timeline waits") == 1


def test_many_events_are_a_few_statements(database: Database) -> None:
    """However many machines they tell of: the transaction is short, and others get their turn."""
    people.add_host(database, "pc1", [MAC], now=1.0)
    seen = [Event(float(n), Kind.OFFER, f"52:54:00:00:01:{n % 250:02x}", None, "asked") for n in range(500)]
    seen += [Event(600.0, Kind.SCRIPT, MAC, "192.0.2.7", "asked")]
    for _ in range(2):
        with statements(database) as said:
            sightings.record(database, seen)
        assert len(said) < 15, said
    observed = registry.list_observed(database)
    assert (len(observed), observed[0].times) == (250, 4)
    assert people.get_host(database, "pc1").last_seen == 600.0


def test_machines_that_are_invented_fill_no_disk(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten, and of the events, too."""
    monkeypatch.setattr(sightings, "MAX_OBSERVED", 10)  # a test of ten thousand would say no more
    monkeypatch.setattr(upkeep, "MAX_EVENTS", 15)
    for number in range(30):
        mac = f"52:54:00:00:01:{number:02x}"
        sightings.record(database, [Event(float(number), Kind.OFFER, mac, None, "asked")])
    assert [machine.last_seen for machine in registry.list_observed(database)] == [
        float(n) for n in range(29, 19, -1)
    ]
    upkeep.forget_old(database, Config(), 0.0)
    assert [seen.at for seen in events.list_events(database)] == [float(n) for n in range(15, 30)]


def test_old_events_are_forgotten_in_pieces(database: Database) -> None:
    """Others write in between."""
    sightings.record(database, [Event(1.0, Kind.OFFER, MAC, None, "asked")] * 25)
    assert list(events.forget(database, before=2.0, most=100, piece=10)) == [10, 10, 5]
    assert events.list_events(database) == []


def test_a_full_batch_is_a_short_transaction(database: Database) -> None:
    """A statement is not said for each report."""
    number, token = running(database)
    with statements(database) as said:
        take_reports(database, token, number, batch(1, messages.MAX_REPORTS), 2.0)
    assert len(said) < 20, said
    assert len(queue.get_job(database, number).steps) == messages.MAX_REPORTS


def test_a_job_has_so_many_steps_and_lines(database: Database) -> None:
    """No plan comes near; who invents more is refused, or not written down."""
    number, token = running(database)
    take_reports(database, token, number, batch(1, MAX_STEPS), 2.0)
    with pytest.raises(InvalidError, match=f"more than {MAX_STEPS} steps"):
        take_reports(database, token, number, batch(MAX_STEPS + 1, 1), 2.0)
    with database.write() as session:
        full = [
            LogLine(job_id=number, attempt=0, sequence=n, at=1.0, step="", state="log")
            for n in range(MAX_LINES - MAX_STEPS - 1)
        ]
        session.add_all(full)
    again = batch(1, 3).reports
    take_reports(
        database, token, number, Reports(tuple(replace(r, sequence=r.sequence + 1000) for r in again)), 2.0
    )
    assert len(queue.get_log(database, number)) == MAX_LINES
    assert queue.get_job(database, number).heard == 2.0


def test_what_an_agent_says_is_fit_to_be_shown(database: Database) -> None:
    """No escape of it reaches a terminal, and no line end of a title forges an entry."""
    number, token = running(database)
    report = Report(1, 1.0, "wr\x1b[2Jite", StepState.FAILED, "ti\ntle", "one\n\x1b]0;two\u202e", -5, 5)
    take_reports(database, token, number, Reports((report,)), 2.0)
    (step,) = queue.get_job(database, number).steps
    assert (step.name, step.title, step.done) == ("wr\\x1b[2Jite", "ti\\ntle", 0)
    assert step.detail == "one\n\\x1b]0;two\\u202e"
    assert "\x1b" not in "".join(entry.detail for entry in events.list_events(database))


def test_silence_counts_only_while_there_was_somebody_to_hear(database: Database) -> None:
    """Neither a clock that was set by years nor a night without the appliance ends a job."""
    number, _ = running(database)
    assert upkeep.mark_silent(database, Config(), 1e9, calm=300.0) == []
    assert upkeep.mark_silent(database, Config(), -1e9, calm=300.0) == []
    assert upkeep.mark_silent(database, Config(), 1e9, calm=700.0) == [(number, JobState.STALLED)]
