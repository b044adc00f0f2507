"""An eavesdropper hears every byte between an agent and a real server, and tries to use it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from initramfs import messages
from initramfs.agent import trust
from initramfs.agent.actions import plan
from initramfs.agent.cmdline import CommandLine
from initramfs.agent.fetch import Appliance, Clock
from initramfs.agent.session import Session
from provisioner.base import clock
from provisioner.base.home import Home
from provisioner.commands import init_appliance
from provisioner.database.engine import Database, open_database
from provisioner.jobs import queue, receipts
from provisioner.jobs.life import JobState
from provisioner.jobs.placements import open_signed
from provisioner.security.keys import load_nonce_key, load_public_key
from provisioner.security.nonces import mint
from provisioner.security.signatures import open_statement
from provisioner.timeline import audit
from tests.clients import people
from tests.clients.api import MAC, inventory
from tests.clients.http_part import HttpPart
from tests.clients.wiretap import Wiretap

pytestmark = pytest.mark.wire

IMAGE = messages.ImageRef("sda5_Debian", 2, b"\xdd" * 32)
JOB = messages.Job(0, "class", messages.RestorePartitions((messages.PartitionImage(5, IMAGE),)))
RECEIPT = messages.Receipt(
    "sda",
    "D1",
    "w1",
    (IMAGE,),
    10,
    10,
    1000,
    2000,
    {"write": 1.5},
    carried=(messages.ProvedImage(5, IMAGE, 10, 10),),
)
DONE = messages.Result(ok=True, receipt=RECEIPT)


@dataclass
class Site:
    """An appliance, the wire to it, and who listens there."""

    home: Path
    database: Database
    tap: Wiretap

    def agent(self) -> tuple[Session, messages.Assignment]:
        """A machine is started, and told what to do."""
        talk = Appliance(self.tap.url, Clock(time.monotonic, time.sleep), patience=30)
        session = Session(talk, inventory(), plan, lambda _line: None, Home(self.home).keys / "appliance.pub")
        nonce = mint(load_nonce_key(self.home), MAC, clock.now(), secrets.token_bytes(16))
        given = session.contact(CommandLine(self.tap.url, nonce, MAC))
        talk.post(f"/api/v1/agent/jobs/{number(given)}/reports", messages.encode(messages.Reports(())))
        return session, given

    def forge(self, path: str, body: bytes) -> httpx.Response:
        """The listener's own request, with the token that was heard."""
        return httpx.post(
            f"{self.tap.url}{path}", content=body, headers={"Authorization": f"Bearer {self.tap.token()}"}
        )


def number(given: messages.Assignment) -> int:
    """The job's."""
    assert given.job is not None
    return given.job.id


def statement(given: messages.Assignment, session: Session) -> bytes:
    """What the host itself says at the end."""
    stated = messages.Statement(given.host, number(given), given.attempt, DONE)
    return messages.encode(trust.sign(stated, session.own_key))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """With a job for its only host."""
    home = tmp_path / "home"
    init_appliance.create(home)
    database = open_database(home)
    try:
        people.add_host(database, "pc1", [MAC], now=time.time())
        people.queue_job(database, "pc1", JOB, now=time.time())
        with HttpPart(home, tmp_path / "web.log") as http, Wiretap(http.port) as tap:
            yield Site(home, database, tap)
    finally:
        database.close()


def test_a_listener_has_the_token_and_cannot_forge_a_receipt(site: Site) -> None:
    """Neither with a key of his own nor without; it leaves a trace, and the true receipt still counts."""
    session, given = site.agent()
    path = f"/api/v1/agent/jobs/{number(given)}/result"
    own = trust.make_key(secrets.token_bytes)
    stated = messages.Statement(
        "pc1", number(given), given.attempt, messages.Result(ok=True, receipt=RECEIPT)
    )
    for body in (messages.encode(trust.sign(stated, own)), messages.encode(DONE), b""):
        refused = site.forge(path, body)
        assert refused.status_code == 403
        assert "signed" in refused.json()["detail"]
    assert queue.get_job(site.database, number(given)).state is JobState.RUNNING
    session.appliance.post(path, statement(given, session))
    session.appliance.close_all()
    assert queue.get_job(site.database, number(given)).state is JobState.SUCCEEDED
    log = [(line.step, line.state) for line in queue.get_log(site.database, number(given))]
    assert log == [("result", "refused")] * 3
    assert [entry.what for entry in audit.list_audit(site.database)][:3] == ["result refused"] * 3


def test_a_receipt_that_is_changed_on_its_way_is_refused(site: Site) -> None:
    """Whatever byte it is; as it was sent, it is taken, and taken again when its answer was lost."""
    session, given = site.agent()
    path = f"/api/v1/agent/jobs/{number(given)}/result"
    true = json.loads(statement(given, session))
    for part in ("payload", "signature"):
        for place in (0, len(true[part]) // 2):
            other = "A" if true[part][place] != "A" else "B"
            changed = true | {part: true[part][:place] + other + true[part][place + 1 :]}
            assert site.forge(path, json.dumps(changed).encode()).status_code == 403
    for _ in range(2):
        assert site.forge(path, json.dumps(true).encode()).status_code == 204
    session.appliance.close_all()
    (signed,) = receipts.all_receipts(site.database)
    kept = open_signed(signed, load_public_key(site.home))
    assert kept.receipt == RECEIPT
    assert kept.statement == messages.decode(messages.Signed, json.dumps(true).encode())


def test_a_receipt_that_was_heard_is_good_for_nothing_else(site: Site) -> None:
    """The next attempt has another key, and the token of the last does not fit; the next job, neither."""
    first, given = site.agent()
    heard = statement(given, first)
    second, again = site.agent()
    assert again.attempt == 2
    path = f"/api/v1/agent/jobs/{number(again)}/result"
    assert site.forge(path, heard).status_code == 403
    second.appliance.post(path, statement(again, second))
    people.queue_job(site.database, "pc1", JOB, now=time.time())
    third, other = site.agent()
    assert number(other) != number(again)
    for old in (heard, statement(again, second)):
        assert site.forge(f"/api/v1/agent/jobs/{number(other)}/result", old).status_code == 403
    for session in (first, second, third):
        session.appliance.close_all()
    assert len(receipts.all_receipts(site.database)) == 1


def test_both_signatures_are_kept(site: Site) -> None:
    """The appliance's public key is enough to check what was said, and under which key."""
    session, given = site.agent()
    session.appliance.post(f"/api/v1/agent/jobs/{number(given)}/result", statement(given, session))
    session.appliance.close_all()
    (signed,) = receipts.all_receipts(site.database)
    kept = open_signed(signed, load_public_key(site.home))
    assert kept.host_key == trust.public_half(session.own_key)
    assert kept.statement is not None
    about = open_statement(kept.statement, kept.host_key, host="pc1", job=kept.job, attempt=kept.attempt)
    assert about.result.receipt == kept.receipt == RECEIPT


def test_the_key_itself_is_never_heard(site: Site) -> None:
    """Its public half is, with the contact."""
    session, given = site.agent()
    session.appliance.post(f"/api/v1/agent/jobs/{number(given)}/result", statement(given, session))
    session.appliance.close_all()
    secret = session.own_key.private_bytes_raw()
    assert trust.public_half(session.own_key).encode() in site.tap.heard
    assert secret not in site.tap.heard
    assert secret.hex().encode() not in site.tap.heard
