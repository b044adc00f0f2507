"""Migration 0004: jobs that an earlier version has stored are understood, with all that they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig

from initramfs.messages import (
    After,
    Backup,
    DiskIdentity,
    DiskRule,
    Duplicates,
    Fit,
    ImageRef,
    Install,
    Job,
    Last,
    PartitionImage,
    PartitionName,
    Personalisation,
    Rescue,
    RestorePartitions,
    TakeInventory,
    Uuids,
)
from provisioner.database.engine import MIGRATIONS, Database
from provisioner.jobs import queue
from provisioner.jobs.life import JobState
from provisioner.timeline import audit
from tests.clients import people

RULE = '{"max_size":null,"min_size":null,"name":null,"path":null,"serial":"GOLD","transport":null,"wwn":null}'
NO_RULE = RULE.replace('"GOLD"', "null")
BARE = (
    '"after":"reboot","backup":null,"disk":' + NO_RULE + ',"disk_image":null,"fit":{"grow":null},"identity":'
    '{"duplicates":"refuse","uuids":"keep"},"partition_images":[],"personalisation":null,"profile":"class"}'
)

OLD = {
    1: '{"action":"initinstall","after":"poweroff","backup":null,"disk":' + RULE + ',"disk_image":{"digest":'
    '"abab","generation":2,"name":"sda_Init"},"fit":{"grow":0},"id":1,"identity":{"duplicates":"randomise",'
    '"uuids":"new"},"partition_images":[{"image":{"digest":"cdcd","generation":3,"name":"sda5_Debian"},'
    '"number":5}],"personalisation":{"domain":"example.org","hostname":"pc1","phone_home_token":"",'
    '"phone_home_url":"at contact","root":5},"profile":"class"}',
    2: '{"action":"restore","after":"reboot","backup":null,"disk":' + NO_RULE + ',"disk_image":null,"fit":'
    '{"grow":null},"id":2,"identity":{"duplicates":"refuse","uuids":"keep"},"partition_images":[{"image":'
    '{"digest":"cdcd","generation":3,"name":"sda5_Debian"},"number":5}],"personalisation":null,'
    '"profile":"class"}',
    3: '{"action":"backup","after":"reboot","backup":{"description":"golden","empty":[5],'
    '"without_swap":true},"disk":' + RULE + ',"disk_image":{"digest":"","generation":0,"name":"sda_Init"},'
    '"fit":{"grow":null},"id":3,"identity":{"duplicates":"refuse","uuids":"keep"},"partition_images":[{"image":'
    '{"digest":"","generation":0,"name":"sda5_New"},"number":5}],"personalisation":null,"profile":"keep"}',
    4: '{"action":"inventory","id":4,' + BARE,
    5: '{"action":"rescue","id":5,' + BARE,
    6: '{"action":"wipe","id":6,' + BARE,
    7: '{"action":"hold","id":7,' + BARE,
}  # fmt: skip

DEBIAN = ImageRef("sda5_Debian", 3, b"\xcd\xcd")

NEW = {
    1: Job(
        1,
        "class",
        Install(
            ImageRef("sda_Init", 2, b"\xab\xab"),
            DiskRule(serial="GOLD"),
            (PartitionImage(5, DEBIAN),),
            Personalisation(5, "pc1", "example.org", "at contact"),
            Fit(Last.LAST),
            DiskIdentity(Uuids.NEW, Duplicates.RANDOMISE),
        ),
        After.POWEROFF,
    ),
    2: Job(2, "class", RestorePartitions((PartitionImage(5, DEBIAN),))),
    3: Job(
        3,
        "keep",
        Backup(
            DiskRule(serial="GOLD"),
            "sda_Init",
            (PartitionName(5, "sda5_New"),),
            "golden",
            (5,),
            without_swap=True,
        ),
    ),
    4: Job(4, "class", TakeInventory()),
    5: Job(5, "class", Rescue(), After.SHELL),
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """One of the third version, brought to today's: a queued job for each action, each on its own host."""
    found = Database(f"sqlite:///{tmp_path / 'old.db'}")
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    with found._writer.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        for number, document in OLD.items():
            connection.exec_driver_sql(
                "INSERT INTO hosts (id, name, uuid, serial, firmware, address, profile, created,"
                " phoned_home_as) VALUES (?, ?, '', '', '', '', 'class', 1.0, '')",
                (number, f"pc{number}"),
            )
            connection.exec_driver_sql(
                "INSERT INTO jobs (id, host_id, profile, action, document, state, attempts, last_sequence,"
                " created, error, hint) VALUES (?, ?, 'class', ?, ?, 'queued', 0, 0, 2.0, '', '')",
                (number, number, json.loads(document)["action"], document),
            )
    found.migrate()
    yield found
    found.close()


def is_within(old: Any, new: Any) -> bool:
    """Whether all that ``old`` says, ``new`` says too."""
    if isinstance(old, dict):
        return all(key in new and is_within(value, new[key]) for key, value in old.items())
    if isinstance(old, list):
        return len(old) == len(new) and all(map(is_within, old, new))
    return bool(old == new)


@pytest.mark.parametrize("number", NEW)
def test_a_stored_job_means_what_it_meant(database: Database, number: int) -> None:
    """Field by field; a backup's images are only names, and a rescue ends in a shell.

    Fields that messages got later are not in it, and mean what they say by default.
    """
    view = queue.get_job(database, number)
    assert queue.from_document(view.document) == NEW[number]
    assert is_within(view.document, queue.to_document(NEW[number]))
    assert view.state is JobState.QUEUED


@pytest.mark.parametrize("number", sorted(OLD.keys() - NEW.keys()))
def test_a_job_that_no_agent_can_do_is_cancelled(database: Database, number: int) -> None:
    """It would have failed on its host. The host starts from its own disk, and the job says why."""
    view = queue.get_job(database, number)
    assert (view.state, view.document) == (JobState.CANCELLED, plain(OLD[number]))
    assert f"no agent can do {view.action}" in view.error
    assert people.get_host(database, f"pc{number}").next_boot == "local"
    entries = [(entry.who, entry.what, entry.detail) for entry in audit.list_audit(database)]
    assert ("clonesys", "job cancel", f"{number}: no agent can do {view.action}") in entries


def test_the_images_of_waiting_jobs_stay_pinned(database: Database) -> None:
    """All that is still to be written, and nothing else."""
    assert queue.pinned_images(database) == {b"\xab\xab", b"\xcd\xcd"}


def plain(document: str) -> dict[str, Any]:
    """A document as the database gives it."""
    found: dict[str, Any] = json.loads(document)
    return found
