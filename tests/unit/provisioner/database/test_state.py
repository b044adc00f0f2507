"""Hosts, jobs and history in a real database."""

from __future__ import annotations

import subprocess
import sys
import threading
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from sqlalchemy import text

from netboot.events import Event as Seen
from netboot.events import Kind
from provisioner.base.config import Config
from provisioner.base.errors import ConflictError, NotFoundError
from provisioner.boot.sink import DatabaseSink
from provisioner.boot.zone import HostZone, bare_name
from provisioner.database.engine import MIGRATIONS, Database
from provisioner.database.tables import Base
from provisioner.hosts import registry, sightings
from provisioner.jobs import queue, upkeep
from provisioner.jobs.life import JobState
from provisioner.jobs.next_boot import NextBoot, next_boot_of
from provisioner.jobs.tables import Job
from provisioner.timeline import audit, events
from tests.clients import people
from tests.unit.provisioner.samples import INVENTORY_JOB

MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"


def add(database: Database, name: str = "pc1", mac: str = MAC, *aliases: str) -> None:
    """Add a host."""
    people.add_host(database, name, [mac], aliases=aliases, now=1.0)


def seen(mac: str, at: float = 5.0, address: str | None = None) -> Seen:
    """A machine asked."""
    return Seen(at, Kind.SCRIPT, mac, address, "asked")


def test_migrations_make_what_the_models_say(database: Database) -> None:
    """From empty to the last version there is no difference to the models; a second run changes nothing."""
    database.migrate()
    with database._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_new_revision_would_see_all_tables(database: Database, tmp_path: Path) -> None:
    """Alembic compares with the models that it has loaded itself: what it does not know it would drop."""
    (tmp_path / "alembic.ini").write_text(
        f"[alembic]\nscript_location = {MIGRATIONS}\nsqlalchemy.url = sqlite:///{tmp_path}/clonesys.db\n"
    )
    database.close()
    line = (sys.executable, "-m", "alembic", "-c", str(tmp_path / "alembic.ini"), "check")
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert "No new upgrade operations detected" in done.stdout, done.stdout + done.stderr


def test_an_earlier_database_keeps_what_it_has(tmp_path: Path) -> None:
    """A job of the second version that runs, with its steps, comes through; its agent told no key."""
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database._writer.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql(
            "INSERT INTO hosts (id, name, uuid, serial, firmware, address, profile, created, phoned_home_as)"
            " VALUES (1, 'pc1', '', '', '', '', 'class', 1.0, '')"
        )
        connection.exec_driver_sql(
            "INSERT INTO jobs (id, host_id, profile, action, document, state, attempts, last_sequence,"
            " created, error, hint) VALUES (7, 1, 'class', 'restore', '{}', 'running', 1, 0, 2.0, '', '')"
        )
        connection.exec_driver_sql(
            "INSERT INTO jobs (id, host_id, profile, action, document, state, attempts, last_sequence,"
            " created, error, hint, ended) VALUES"
            " (8, 1, 'class', 'restore', '{}', 'succeeded', 1, 0, 2.0, '', '', 10.0),"
            " (9, 1, 'class', 'restore', '{}', 'succeeded', 1, 0, 2.0, '', '', 30.0)"
        )
        connection.exec_driver_sql("UPDATE hosts SET phoned_home = 20.0")
        connection.exec_driver_sql(
            "INSERT INTO steps (job_id, position, name, title, state, done, total, detail)"
            " VALUES (7, 0, 'write', '', 'started', 0, 0, '')"
        )
    database.migrate()
    job = queue.get_job(database, 7)
    assert (job.host, job.state, [step.name for step in job.steps]) == ("pc1", JobState.RUNNING, ["write"])
    assert [queue.get_job(database, number).up for number in (7, 8, 9)] == [None, 20.0, None]
    with database.read() as session:
        assert session.get_one(Job, 7).host_key is None
    database.close()


def test_sqlite_is_tamed(database: Database) -> None:
    """Readers do not wait for writers, references are checked, writers wait for each other."""
    with database.read() as session:
        settings = {
            name: session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 10_000}


def test_many_writers_lose_nothing(database: Database) -> None:
    """Twenty threads that read and then write do not fail each other."""

    def work(number: int) -> None:
        add(database, f"pc{number}", f"52:54:00:00:01:{number:02x}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(people.list_hosts(database)) == 20


def test_failed_transaction_leaves_nothing(database: Database) -> None:
    """An error in the middle takes everything back, also the audit line."""
    add(database)
    before = audit.list_audit(database)
    with pytest.raises(ConflictError):
        people.add_host(database, "pc2", [OTHER, MAC], now=2.0)
    assert [host.name for host in people.list_hosts(database)] == ["pc1"]
    assert audit.list_audit(database) == before


def test_names_are_unique_across_aliases(database: Database) -> None:
    """A name or alias is one machine's only, and finds it."""
    add(database, "pc1", MAC, "mail", "www")
    assert people.get_host(database, "www").name == "pc1"
    for taken in ("pc1", "mail"):
        with pytest.raises(ConflictError, match="'pc1'"):
            add(database, taken, OTHER)
    with pytest.raises(ConflictError):
        add(database, "pc2", OTHER, "www")


def test_removed_host_is_gone_with_all_it_had(database: Database) -> None:
    """Its MACs and names are free again, its jobs are gone, and no job number is given twice."""
    add(database, "pc1", MAC, "www")
    first = people.queue_job(database, "pc1", INVENTORY_JOB, now=1.0)
    people.remove_host(database, "pc1", now=2.0)
    with pytest.raises(NotFoundError):
        queue.get_job(database, first)
    add(database, "www", MAC)
    assert people.queue_job(database, "www", INVENTORY_JOB, now=3.0) > first


def test_newer_order_replaces_a_queued_one(database: Database) -> None:
    """A host has one thing to do; 'local' takes it back."""
    add(database)
    first = people.queue_job(database, "pc1", INVENTORY_JOB, now=1.0)
    second = people.queue_job(database, "pc1", INVENTORY_JOB, now=2.0)
    assert queue.get_job(database, first).state is JobState.CANCELLED
    assert people.get_host(database, "pc1").next_boot == "inventory"
    people.set_local(database, "pc1", now=3.0)
    assert queue.get_job(database, second).state is JobState.CANCELLED
    assert people.get_host(database, "pc1").next_boot == "local"
    assert next_boot_of(database, MAC, people.ATTEMPTS) == NextBoot()


def test_running_job_is_not_replaced(database: Database) -> None:
    """Nobody gives a host something else to do while it writes its disk; cancelling is a word of its own."""
    add(database)
    number = people.queue_job(database, "pc1", INVENTORY_JOB, now=1.0)
    start(database, number, heard=1.0)
    with pytest.raises(ConflictError, match="busy") as error:
        people.queue_job(database, "pc1", INVENTORY_JOB, now=2.0)
    assert f"job cancel {number}" in error.value.hint
    people.cancel_job(database, number, now=3.0)
    with pytest.raises(ConflictError):
        people.cancel_job(database, number, now=4.0)


def start(database: Database, number: int, *, heard: float, attempts: int = 1) -> None:
    """A job whose agent was heard last at ``heard``."""
    with database.write() as session:
        row = session.get_one(Job, number)
        row.state, row.heard, row.attempts = JobState.RUNNING, heard, attempts


def test_silent_jobs_are_marked(database: Database) -> None:
    """Silence shows as stalled with a hint; without attempts left it ends as interrupted."""
    add(database)
    number = people.queue_job(database, "pc1", INVENTORY_JOB, now=0.0)
    start(database, number, heard=0.0, attempts=3)
    assert upkeep.mark_silent(database, Config(), 599.0) == []
    assert upkeep.mark_silent(database, Config(), 601.0) == [(number, JobState.STALLED)]
    assert "10 minutes" in queue.get_job(database, number).error
    assert upkeep.mark_silent(database, Config(), 3601.0) == [(number, JobState.INTERRUPTED)]
    job = queue.get_job(database, number)
    assert job.ended == 3601.0
    assert job.hint


def test_a_late_start_is_noted_once(database: Database) -> None:
    """In the round in which its time has passed; not of what was up, was followed, or tells nothing."""
    document = {"after": "reboot", "work": {"personalisation": {"phone_home_url": "at contact"}}}
    with database.write() as session:
        for number, (up, told) in enumerate(
            [(None, document), (5.0, document), (None, document), (None, {})]
        ):
            host = registry.add_host(session, f"late{number}", [f"52:54:00:00:01:{number:02x}"], now=0.0)
            session.flush()
            job = Job(host_id=host.id, profile="c", action="restore", document=told, created=0.0, ended=0.0)
            job.state, job.up = JobState.SUCCEEDED, up
            session.add(job)
        session.flush()
        followed = registry.find_host(session, "late2").id
        session.add(Job(host_id=followed, profile="c", action="restore", document={}, created=1.0))
    policy = Config().contact
    assert upkeep.note_late_starts(database, policy, 880.0, 890.0) == []
    ((host_name, said),) = upkeep.note_late_starts(database, policy, 890.0, 900.0)
    assert (host_name, "has not started since" in said) == ("late0", True)
    assert upkeep.note_late_starts(database, policy, 900.0, 910.0) == []
    assert "has not started" in events.list_events(database, "52:54:00:00:01:00")[-1].detail


def test_unknown_machines_are_observed(database: Database) -> None:
    """They are counted, and forgotten as soon as they are added."""
    sightings.record(database, [seen(OTHER, 5.0), seen(OTHER, 6.0, "192.0.2.9"), seen(OTHER, 7.0)])
    (machine,) = registry.list_observed(database)
    assert (machine.mac, machine.times, machine.last_seen, machine.address) == (OTHER, 3, 7.0, "192.0.2.9")
    add(database, "pc2", OTHER)
    assert registry.list_observed(database) == []


def test_known_machines_are_seen(database: Database) -> None:
    """What the network saw of a host is its last sign; the timeline has it in order, with the address."""
    add(database)
    sightings.record(database, [seen(MAC, 5.0, "192.0.2.7"), seen(MAC, 6.0)])
    assert people.get_host(database, "pc1").last_seen == 6.0
    assert events.list_events(database, MAC)[0].address == "192.0.2.7"
    assert registry.list_observed(database) == []
    found = events.list_events(database, MAC)
    assert [event.at for event in found] == [5.0, 6.0]
    assert events.list_events(database, MAC, after=found[0].id) == found[1:]


def test_old_history_is_pruned(database: Database) -> None:
    """Events go after their time, the audit log never."""
    add(database)
    sightings.record(database, [seen(MAC, 0.0), seen(MAC, 91 * 86400.0)])
    upkeep.forget_old(database, Config(), 91 * 86400.0)
    assert [event.at for event in events.list_events(database)] == [91 * 86400.0]
    assert len(audit.list_audit(database)) == 1


def test_sink_writes_everything_it_took(database: Database) -> None:
    """Closing waits for what was emitted, in order."""
    sink = DatabaseSink(database)
    for number in range(1200):
        sink.emit(seen(MAC, float(number)))
    sink.close()
    assert [event.at for event in events.list_events(database, limit=2000)] == [float(n) for n in range(1200)]


def test_sink_drops_rather_than_waits(database: Database) -> None:
    """While somebody holds the database, a full sink counts what it drops, and emitting returns."""
    with database.write():
        sink = DatabaseSink(database, capacity=2)
        for number in range(1000):
            sink.emit(seen(MAC, float(number)))
        assert sink.dropped > 0
    sink.close()
    assert len(events.list_events(database, limit=2000)) < 1000


def test_zone(database: Database) -> None:
    """Names and aliases answer with the host's address, bare and in the domain; nothing else does."""
    add(database, "pc1", MAC, "www")
    with HostZone(database, "example.org") as zone:
        assert list(zone.lookup("pc1")) == []
        claim(database, "pc1", "192.0.2.7")
        zone.refresh()
        for name in ("pc1", "www", "pc1.example.org"):
            (address,) = zone.lookup(name)
            assert str(address) == "192.0.2.7"
        assert zone.reverse(address) == "pc1.example.org"
        for name in ("pc2", "pc1.example.com", "a.pc1.example.org", ""):
            assert list(zone.lookup(name)) == []


def claim(database: Database, name: str, address: str) -> None:
    """An authenticated contact of the host from ``address``."""
    with database.write() as session:
        registry.claim_address(session, registry.find_host(session, name), address)


def test_what_the_network_shows_moves_no_name(database: Database) -> None:
    """Anyone can ask for a script in a host's name: its DNS name stays where the host itself was heard."""
    add(database, "pc1", MAC)
    claim(database, "pc1", "192.0.2.7")
    sightings.record(database, [seen(MAC, 5.0, "192.0.2.66")])
    with HostZone(database, "") as zone:
        assert list(zone.lookup("pc1")) == [IPv4Address("192.0.2.7")]
        assert zone.reverse(IPv4Address("192.0.2.66")) is None


def test_an_address_has_one_host(database: Database) -> None:
    """The site's DHCP gives it to another machine: the first host's name does not lead there any more."""
    add(database, "pc1", MAC)
    add(database, "pc2", OTHER)
    claim(database, "pc1", "192.0.2.7")
    claim(database, "pc2", "192.0.2.7")
    claim(database, "pc2", "")  # through a proxy that does not say: nothing is known
    with HostZone(database, "") as zone:
        assert list(zone.lookup("pc1")) == []
        assert zone.reverse(IPv4Address("192.0.2.7")) == "pc2"


def test_names_are_answered_without_the_database(database: Database) -> None:
    """A database that is away leaves the names as they were."""
    add(database, "pc1", MAC)
    claim(database, "pc1", "192.0.2.7")
    with HostZone(database, "") as zone:
        with database.write() as session:
            session.execute(text("DROP TABLE aliases"))
        zone.refresh()
        assert list(zone.lookup("pc1")) == [IPv4Address("192.0.2.7")]


def test_bare_names() -> None:
    """Without a domain of ours only bare names are hosts."""
    assert bare_name("pc1", "") == "pc1"
    assert bare_name("pc1.x", "") is None
