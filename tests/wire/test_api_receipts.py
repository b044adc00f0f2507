"""From an agent's result to ``clonesys image where``."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from initramfs import messages
from initramfs.agent.trust import public_half
from initramfs.messages import StepState
from provisioner.base.errors import ProvisionerError
from provisioner.cli import app
from provisioner.jobs import queue
from provisioner.jobs.results import MAX_REFUSED
from provisioner.jobs.tables import Receipt
from provisioner.security.keys import load_private_key
from provisioner.timeline.audit import list_audit
from tests.clients import people
from tests.clients.api import HOST_KEY, MAC, NOW, OTHER_KEY, OTHER_MAC, Api, api, reports, stated

IMAGE = messages.ImageRef("sda5_Debian", 2, b"\xdd" * 32)
JOB = messages.Job(0, "class", messages.RestorePartitions((messages.PartitionImage(5, IMAGE),)))
RECEIPT = messages.Receipt(
    "sda", "D1", "", (IMAGE,), 10, 10, 1000, 2000, carried=(messages.ProvedImage(5, IMAGE, 10, 10),)
)


@pytest.fixture(name="site")
def site_(tmp_path: Path) -> Iterator[Api]:
    """An appliance with two hosts."""
    with api(tmp_path / "home") as site:
        people.add_host(site.database, "pc1", [MAC], now=NOW)
        people.add_host(site.database, "pc2", [OTHER_MAC], now=NOW)
        yield site


def start_job(site: Api, mac: str = MAC) -> tuple[int, messages.Assignment]:
    """A job from its order to its first write; its number."""
    number = people.queue_job(site.database, "pc1" if mac == MAC else "pc2", JOB, now=NOW)
    given = site.assignment(site.contact(site.nonce(mac), mac=mac))
    batch = reports(1, ("prepare", StepState.STARTED), ("write", StepState.STARTED))
    assert site.post(f"/api/v1/agent/jobs/{number}/reports", batch, given.token).status_code == 204
    return number, given


def run_job(site: Api, mac: str, result: messages.Result) -> int:
    """A job from its order to its result; its number."""
    number, given = start_job(site, mac)
    assert site.finish(given, result).status_code == 204
    assert site.finish(given, result).status_code == 204, "its answer got lost"
    return number


def where(site: Api, name: str) -> list[dict[str, Any]]:
    """What the command tells programs."""
    result = CliRunner().invoke(app, ["--home", str(site.home), "image", "where", name, "--json"])
    if result.exception is not None:
        raise result.exception
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_disks_that_carry_an_image_are_found(site: Api) -> None:
    """With host, disk, and when it was proved; by name or by generation."""
    number = run_job(site, MAC, messages.Result(ok=True, receipt=RECEIPT))
    run_job(
        site, OTHER_MAC, messages.Result(ok=True, receipt=replace(RECEIPT, disk_wwn="w1", disk_serial="D2"))
    )
    one, two = where(site, "sda5_Debian")
    assert (one["host"], one["serial"], one["partition"], one["job"]) == ("pc1", "D1", 5, number)
    assert (two["host"], two["wwn"], two["received"]) == ("pc2", "w1", NOW)
    assert len(where(site, "sda5_Debian@2")) == 2
    assert where(site, "sda5_Debian@1") == where(site, "sda5_Other") == []


def test_it_reads_well(site: Api) -> None:
    """One line for each disk."""
    run_job(site, MAC, messages.Result(ok=True, receipt=RECEIPT))
    shown = CliRunner().invoke(app, ["--home", str(site.home), "image", "where", "sda5_Debian"]).stdout
    assert "sda5_Debian@2" in shown
    assert "pc1" in shown
    assert shown.splitlines()[-1].endswith("host, appliance")


def test_a_job_that_fails_after_writing_ends_the_proof(site: Api) -> None:
    """Until the next one succeeds."""
    run_job(site, MAC, messages.Result(ok=True, receipt=RECEIPT))
    run_job(site, MAC, messages.Result(ok=False, error="the disk is failing"))
    assert where(site, "sda5_Debian") == []
    run_job(site, MAC, messages.Result(ok=True, receipt=RECEIPT))
    assert len(where(site, "sda5_Debian")) == 1


def test_a_receipt_that_somebody_changed_is_refused(site: Api) -> None:
    """In the database itself."""
    run_job(site, MAC, messages.Result(ok=True, receipt=RECEIPT))
    with site.database.write() as session:
        row = session.query(Receipt).one()
        row.document = row.document | {"payload": row.document["payload"][:-8] + "AAAAAAA="}
    with pytest.raises(ProvisionerError, match="not as this appliance has signed it"):
        where(site, "sda5_Debian")


def test_a_receipt_of_another_host_is_refused(site: Api) -> None:
    """Also if somebody was heard to tell the same key: what is signed names host, job and attempt."""
    number, given = start_job(site)
    other, theirs = start_job(site, OTHER_MAC)
    replayed = stated(theirs, messages.Result(ok=True, receipt=RECEIPT))
    answer = site.post(f"/api/v1/agent/jobs/{number}/result", replayed, given.token)
    assert answer.status_code == 403
    assert f"job {other} on pc2" in answer.json()["detail"]
    assert "replaying" in answer.json()["hint"]
    assert where(site, "sda5_Debian") == []
    assert site.finish(given, messages.Result(ok=True, receipt=RECEIPT)).status_code == 204
    assert [found["host"] for found in where(site, "sda5_Debian")] == ["pc1"]


def test_a_machine_that_starts_again_signs_with_its_new_key(site: Api) -> None:
    """What it would have said with the old one is refused, and who sent that is in the job's log."""
    number, _ = start_job(site)
    given = site.assignment(site.contact(site.nonce(), key=OTHER_KEY))
    assert given.attempt == 2
    result = messages.Result(ok=True, receipt=RECEIPT)
    assert site.finish(given, result, HOST_KEY).status_code == 403
    (line,) = [line for line in queue.get_log(site.database, number) if line.state == "refused"]
    assert line.attempt == 2
    assert "from 192.0.2.7: the result is not signed with the key that pc1 told" in line.text
    assert site.finish(given, result, OTHER_KEY).status_code == 204
    (found,) = where(site, "sda5_Debian")
    assert found["host_key"] == public_half(OTHER_KEY)


def test_a_result_after_the_end_changes_nothing(site: Api) -> None:
    """Neither the host's own nor a forged one, which is refused all the same."""
    number, given = start_job(site)
    assert site.finish(given, messages.Result(ok=True, receipt=RECEIPT)).status_code == 204
    assert site.finish(given, messages.Result(ok=False, error="x"), OTHER_KEY).status_code == 403
    assert site.finish(given, messages.Result(ok=False, error="x")).status_code == 204
    assert queue.get_job(site.database, number).error == ""
    assert len(where(site, "sda5_Debian")) == 1


def test_receipts_of_earlier_versions_are_believed_as_before(site: Api) -> None:
    """They have the appliance's signature alone, and that is what is said of them."""
    number = run_job(site, MAC, messages.Result(ok=True, receipt=RECEIPT))
    key = load_private_key(site.home)
    with site.database.write() as session:
        row = session.query(Receipt).one()
        document = json.loads(base64.b64decode(row.document["payload"]))
        del document["host_key"], document["statement"]
        payload = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        row.document = json.loads(messages.encode(messages.Signed.of(payload, key.sign(payload))))
    (found,) = where(site, "sda5_Debian")
    assert (found["host"], found["job"], found["host_key"]) == ("pc1", number, "")
    shown = CliRunner().invoke(app, ["--home", str(site.home), "image", "where", "sda5_Debian"]).stdout
    assert "host, appliance" not in shown
    assert shown.splitlines()[-1].endswith(" appliance")


def test_a_removed_host_takes_its_receipts_along(site: Api) -> None:
    """Nobody can say any more where that disk is."""
    run_job(site, MAC, messages.Result(ok=True, receipt=RECEIPT))
    people.remove_host(site.database, "pc1", now=NOW)
    assert where(site, "sda5_Debian") == []


def test_refused_results_do_not_fill_the_disk(site: Api) -> None:
    """Who overhears a token sends one after the other; a hundred are noted, and none is taken."""
    number, given = start_job(site)
    path = f"/api/v1/agent/jobs/{number}/result"
    bearer = {"Authorization": f"Bearer {given.token}"}
    sent = {
        site.request("POST", path, content=b"{}", headers=bearer).status_code for _ in range(MAX_REFUSED + 20)
    }
    assert sent == {403}
    noted = [line for line in queue.get_log(site.database, number) if line.state == "refused"]
    assert len(noted) == MAX_REFUSED
    changes = list_audit(site.database, 1000)
    assert sum(entry.what == "result refused" for entry in changes) == MAX_REFUSED
