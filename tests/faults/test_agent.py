"""The agent's whole work on a real disk with a real appliance: done again, superseded, cancelled."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from initramfs.agent.actions import plan
from initramfs.agent.cmdline import CommandLine
from initramfs.agent.errors import AgentError
from initramfs.agent.fetch import Appliance, Clock
from initramfs.agent.session import Session
from initramfs.messages import (
    WHOLE_DISK,
    Assignment,
    Disk,
    Firmware,
    ImageRef,
    Install,
    Inventory,
    Job,
    Loader,
    Result,
    System,
)
from provisioner.base import clock
from provisioner.base.home import Home
from provisioner.database.engine import Database, open_database
from provisioner.jobs import queue, receipts
from provisioner.jobs.life import JobState
from provisioner.jobs.placements import open_signed, placements
from provisioner.security.keys import load_nonce_key, load_public_key
from provisioner.security.nonces import mint
from tests.clients import people
from tests.clients.http_part import HttpPart
from tests.faults.conftest import NAME, SIZE, Loop, Site
from tests.images.in_memory import reason_on

pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]

MAC = "52:54:00:00:00:07"


@dataclass
class Machine:
    """A host, its disk, and the appliance it belongs to."""

    site: Site
    url: str
    disk: Path
    database: Database
    lines: list[str]

    def order(self) -> int:
        """A job: install the image."""
        ref = ImageRef(NAME, 1, self.site.image.digest)
        job = Job(0, "class", Install(ref, loader=Loader.IGNORE))
        return people.queue_job(self.database, "pc7", job, now=time.time())

    def boot(self) -> tuple[Session, Assignment]:
        """The agent's first word, and what it is told to do."""
        disk = Disk(self.disk.name, SIZE, 512, 512, serial="D7", transport="virtio")
        seen = Inventory(System(), Firmware.BIOS, "cpu", 2, 1 << 30, (disk,), ())
        appliance = Appliance(self.url, Clock(time.monotonic, time.sleep), self.lines.append)
        key = Home(self.site.home).keys / "appliance.pub"
        session = Session(appliance, seen, plan, self.lines.append, key)
        nonce = mint(load_nonce_key(self.site.home), MAC, clock.now(), secrets.token_bytes(16))
        return session, session.contact(CommandLine(self.url, nonce, MAC))

    def install(self) -> Result:
        """From the order to the result."""
        self.order()
        session, given = self.boot()
        try:
            return session.run(given)
        finally:
            session.appliance.close_all()


@pytest.fixture
def machine(site: Site, loop: Loop, tmp_path: Path) -> Iterator[Machine]:
    """With a used disk."""
    database = open_database(site.home)
    people.add_host(database, "pc7", [MAC], now=time.time())
    try:
        with loop() as disk, HttpPart(site.home, tmp_path / "web.log") as web:
            yield Machine(site, web.url, disk, database, [])
    finally:
        people.remove_host(database, "pc7", now=time.time())
        database.close()


def test_installed_and_installed_again(machine: Machine) -> None:
    """The second time nothing is fetched or written; both times the receipt says what the disk carries."""
    first = machine.install()
    assert first.ok, first.error
    assert machine.disk.read_bytes() == machine.site.source
    second = machine.install()
    assert second.ok
    assert first.receipt is not None
    assert second.receipt is not None
    (carried,) = second.receipt.carried
    assert (carried.number, carried.image.name) == (WHOLE_DISK, NAME)
    assert carried.chunks_verified == carried.chunks_total == machine.site.chunks
    assert first.receipt.chunks_fetched == machine.site.chunks
    assert (second.receipt.chunks_fetched, second.receipt.bytes_written) == (0, 0)
    assert set(second.receipt.seconds) == {"check", "scan", "prepare", "write", "verify", "commit"}
    key = load_public_key(machine.site.home)
    kept = [open_signed(signed, key) for signed in receipts.all_receipts(machine.database)]
    assert [item.receipt for item in kept] == [first.receipt, second.receipt]
    assert kept[0].host_key != kept[1].host_key != ""
    (placement,) = placements(kept, receipts.unproved_writes(machine.database))
    assert (placement.host, placement.serial, placement.image, placement.partition) == (
        "pc7",
        "D7",
        NAME,
        WHOLE_DISK,
    )


def test_the_seconds_of_each_step_go_by_the_agents_clock(machine: Machine) -> None:
    """Not by the time of day: that may be set under way. This clock ticks when somebody looks at it."""
    machine.order()
    session, given = machine.boot()
    session.appliance.clock = Clock(count().__next__, time.sleep)
    result = session.run(given)
    session.appliance.close_all()
    assert result.receipt is not None
    seconds = result.receipt.seconds
    assert set(seconds) == {"check", "scan", "prepare", "write", "verify", "commit"}
    assert all(value >= 1 and value == int(value) for value in seconds.values())


def test_the_second_of_two_agents_supersedes_the_first(machine: Machine) -> None:
    """The first one stops in the middle of its work; its disk does not start, and says why."""
    number = machine.order()
    first, given = machine.boot()

    def write(line: str) -> None:
        machine.lines.append(line)
        if line.startswith("==> Write"):
            machine.boot()[0].appliance.close_all()

    first.write = write
    with pytest.raises(AgentError, match="started again by another contact"):
        first.run(given)
    first.appliance.close_all()
    content = machine.disk.read_bytes()
    assert content == machine.site.source or "another contact" in reason_on(content, 512)
    assert queue.get_job(machine.database, number).state is JobState.RUNNING
    assert queue.get_job(machine.database, number).receipt is None


def cancelled_at(machine: Machine, line_begins: str) -> None:
    """Run a job that is cancelled when the console shows this line."""
    number = machine.order()
    session, given = machine.boot()

    def write(line: str) -> None:
        machine.lines.append(line)
        if line.startswith(line_begins):
            people.cancel_job(machine.database, number, now=time.time())

    session.write = write
    with pytest.raises(AgentError, match="cancelled"):
        session.run(given)
    session.appliance.close_all()


def test_a_job_that_is_cancelled_before_the_first_write_changes_nothing(machine: Machine) -> None:
    """The appliance hears of that write before it is made, and says no."""
    before = machine.disk.read_bytes()
    cancelled_at(machine, "==> Make")
    assert machine.disk.read_bytes() == before


def test_a_job_that_is_cancelled_stops(machine: Machine) -> None:
    """At the agent's next report, not at the end of its step; the next job continues and tells why."""
    cancelled_at(machine, "==> Write")
    stopped = machine.disk.read_bytes() != machine.site.source
    result = machine.install()
    assert result.ok
    assert machine.disk.read_bytes() == machine.site.source
    assert any("did not end: " in line for line in machine.lines) is stopped
