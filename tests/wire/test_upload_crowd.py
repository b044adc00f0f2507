"""Backups that wait for a slow store: the rest of the appliance does not wait with them."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from initramfs import messages
from initramfs.agent import trust
from initramfs.agent.fetch import Appliance, Clock
from initramfs.agent.inventory import read_inventory
from initramfs.agent.session import CONTACT
from initramfs.messages import Backup, Job, PartitionName
from provisioner.base import clock
from provisioner.base.home import Home
from provisioner.commands import init_appliance
from provisioner.database.engine import open_database
from provisioner.security.keys import load_nonce_key
from provisioner.security.nonces import mint
from provisioner.stores.directory.places import Places
from tests.clients import people
from tests.clients.http_part import HttpPart
from tests.images.in_memory import KEY
from tests.lab.waiting import Deadline, until

pytestmark = pytest.mark.wire

MAC = "52:54:00:00:00:01"
UPLOADS = 60
"""More than the threads of a worker, which has forty, and fewer than one address may send at a time."""


def token_of_a_backup(home: Path, url: str) -> str:
    """What the agent of a running backup has."""
    talk = Appliance(url, Clock(time.monotonic, time.sleep), patience=30)
    nonce = mint(load_nonce_key(home), MAC, clock.now(), secrets.token_bytes(16))
    hello = messages.Contact(
        nonce, "c", "0.1.0", MAC, read_inventory(), trust.public_half(KEY), messages.PROTOCOL
    )
    answer = messages.decode(messages.Signed, talk.contact(CONTACT, nonce, messages.encode(hello)))
    talk.close_all()
    return messages.decode(messages.Assignment, answer.parts()[0]).token


def test_uploads_that_wait_for_the_store_leave_threads_for_others(tmp_path: Path) -> None:
    """The store is held, as a disk is that writes slowly; health is answered, so nothing is killed for it."""
    home = tmp_path / "home"
    init_appliance.create(home)
    database = open_database(home)
    people.add_host(database, "pc1", [MAC], now=time.time())
    job = Job(0, "keep", Backup(partitions=(PartitionName(1, "sda1_Data"),)))
    people.queue_job(database, "pc1", job, now=time.time())
    database.close()
    config = Home(home).config
    config.write_text(config.read_text().replace("workers = 2", "workers = 1"))
    with HttpPart(home) as http, ThreadPoolExecutor(UPLOADS) as threads:
        headers = {"Authorization": f"Bearer {token_of_a_backup(home, http.url)}"}
        asked = messages.encode(messages.Digests((bytes(32),)))

        def upload(_: int) -> int:
            url = f"{http.url}/api/v1/agent/chunks/missing"
            return httpx.post(url, content=asked, headers=headers, timeout=60).status_code

        with Places(Home(home).store).lock(exclusive=True):
            answers = [threads.submit(upload, number) for number in range(UPLOADS)]
            worker = http.family()[-1]
            until(lambda: len(worker.net_connections("tcp")) > UPLOADS, Deadline.within(30), "all uploads")
            assert httpx.get(f"{http.url}/api/v1/health", timeout=10).status_code == httpx.codes.OK
            assert not any(answer.done() for answer in answers)
        assert {answer.result() for answer in answers} == {httpx.codes.OK}
