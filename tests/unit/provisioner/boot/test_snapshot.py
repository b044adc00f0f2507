"""The booter that answers from memory says what the one that asks the database says."""

from __future__ import annotations

from pathlib import Path

import pytest

from netboot.model import Ignore, Kernel, LocalDisk
from provisioner.boot.booter import ProvisionerBooter
from provisioner.boot.snapshot import SnapshotBooter
from provisioner.database.engine import Database
from provisioner.jobs.life import JobState
from provisioner.jobs.next_boot import NextBoot, next_boot_of, next_boots
from provisioner.jobs.tables import Job
from provisioner.security.keys import create_keys
from tests.clients import people
from tests.lab.boot import CLIENT, HERE
from tests.lab.waiting import Deadline, until
from tests.unit.provisioner.samples import INVENTORY_JOB

OTHER = "52:54:00:aa:00:02"


def test_what_is_given_to_a_host_counts_a_moment_later(database: Database, tmp_path: Path) -> None:
    """Unknown, then a host, then with a job; nothing is asked of the database by an offer."""
    create_keys(tmp_path)
    booter = SnapshotBooter(ProvisionerBooter(tmp_path, database), interval=0.01)
    try:
        assert isinstance(booter.decide(CLIENT, HERE), Ignore)
        people.add_host(database, "pc1", [CLIENT.mac], now=0)
        until(lambda: isinstance(booter.decide(CLIENT, HERE), LocalDisk), Deadline.within(30), "known")
        people.queue_job(database, "pc1", INVENTORY_JOB, now=0)
        until(lambda: isinstance(booter.decide(CLIENT, HERE), Kernel), Deadline.within(30), "with a job")
        people.remove_host(database, "pc1", now=0)
        until(lambda: isinstance(booter.decide(CLIENT, HERE), Ignore), Deadline.within(30), "removed")
    finally:
        booter.close()


def test_a_database_that_cannot_be_read_stops_no_offer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was known counts on, and the log says so."""
    create_keys(tmp_path)
    database = Database(f"sqlite:///{tmp_path}/state.db")
    database.migrate()
    people.add_host(database, "pc1", [CLIENT.mac], now=0)
    booter = SnapshotBooter(ProvisionerBooter(tmp_path, database), interval=0.01)
    try:
        database.close()
        (tmp_path / "state.db").write_bytes(b"no database" * 1000)
        until(lambda: "cannot be read" in caplog.text, Deadline.within(30), "a warning")
        assert isinstance(booter.decide(CLIENT, HERE), LocalDisk)
    finally:
        booter.close()


@pytest.mark.parametrize("state", list(JobState))
@pytest.mark.parametrize("attempts", [0, people.ATTEMPTS])
def test_all_at_once_is_one_by_one(database: Database, state: JobState, attempts: int) -> None:
    """For every state of the latest job, and whatever came before it."""
    people.add_host(database, "pc1", [CLIENT.mac, OTHER], now=0)
    people.queue_job(database, "pc1", INVENTORY_JOB, now=0)
    number = people.queue_job(database, "pc1", INVENTORY_JOB, now=0)
    with database.write() as session:
        row = session.get_one(Job, number)
        row.state, row.attempts = state, attempts
    one_by_one: dict[str, NextBoot | None] = {
        mac: next_boot_of(database, mac, people.ATTEMPTS) for mac in (CLIENT.mac, OTHER)
    }
    assert next_boots(database, people.ATTEMPTS) == one_by_one
