"""From an agent's result to ``clonesys image where``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from initramfs.agent import wire
from initramfs.agent.wire import StepState
from provisioner.cli import app
from provisioner.errors import ProvisionerError
from provisioner.state import hosts, jobs
from provisioner.state.models import Receipt
from tests.support.api import MAC, NOW, OTHER_MAC, Api, api, reports

IMAGE = wire.ImageRef("sda5_Debian", 2, "d" * 64)
JOB = wire.Job(0, wire.Action.RESTORE, "class", partition_images=(wire.PartitionImage(5, IMAGE),))
RECEIPT = wire.Receipt(
    "sda", "D1", "", (IMAGE,), 10, 10, 1000, 2000, carried=(wire.Carried(5, IMAGE, 10, 10),)
)


@pytest.fixture(name="site")
def site_(tmp_path: Path) -> Iterator[Api]:
    """An appliance with two hosts."""
    with api(tmp_path / "home") as site:
        hosts.add_host(site.database, "pc1", [MAC], now=NOW, who="test")
        hosts.add_host(site.database, "pc2", [OTHER_MAC], now=NOW, who="test")
        yield site


def run_job(site: Api, mac: str, result: wire.Result) -> int:
    """A job from its order to its result; its number."""
    number = jobs.queue_job(site.database, "pc1" if mac == MAC else "pc2", JOB, now=NOW, who="test")
    given = site.assignment(site.contact(site.nonce(mac), mac=mac))
    path = f"/api/v1/agent/jobs/{number}"
    batch = reports(1, ("prepare", StepState.STARTED), ("write", StepState.STARTED))
    assert site.post(f"{path}/reports", batch, given.token).status_code == 204
    assert site.post(f"{path}/result", result, given.token).status_code == 204
    assert site.post(f"{path}/result", result, given.token).status_code == 204, "its answer got lost"
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
    number = run_job(site, MAC, wire.Result(ok=True, receipt=RECEIPT))
    run_job(site, OTHER_MAC, wire.Result(ok=True, receipt=replace(RECEIPT, disk_wwn="w1", disk_serial="D2")))
    one, two = where(site, "sda5_Debian")
    assert (one["host"], one["serial"], one["partition"], one["job"]) == ("pc1", "D1", 5, number)
    assert (two["host"], two["wwn"], two["received"]) == ("pc2", "w1", NOW)
    assert len(where(site, "sda5_Debian@2")) == 2
    assert where(site, "sda5_Debian@1") == where(site, "sda5_Other") == []


def test_it_reads_well(site: Api) -> None:
    """One line for each disk."""
    run_job(site, MAC, wire.Result(ok=True, receipt=RECEIPT))
    shown = CliRunner().invoke(app, ["--home", str(site.home), "image", "where", "sda5_Debian"]).stdout
    assert "sda5_Debian@2" in shown
    assert "pc1" in shown


def test_a_job_that_fails_after_writing_ends_the_proof(site: Api) -> None:
    """Until the next one succeeds."""
    run_job(site, MAC, wire.Result(ok=True, receipt=RECEIPT))
    run_job(site, MAC, wire.Result(ok=False, error="the disk is failing"))
    assert where(site, "sda5_Debian") == []
    run_job(site, MAC, wire.Result(ok=True, receipt=RECEIPT))
    assert len(where(site, "sda5_Debian")) == 1


def test_a_receipt_that_somebody_changed_is_refused(site: Api) -> None:
    """In the database itself."""
    run_job(site, MAC, wire.Result(ok=True, receipt=RECEIPT))
    with site.database.write() as session:
        row = session.query(Receipt).one()
        row.document = row.document | {"payload": row.document["payload"][:-8] + "AAAAAAA="}
    with pytest.raises(ProvisionerError, match="not as this appliance has signed it"):
        where(site, "sda5_Debian")


def test_a_removed_host_takes_its_receipts_along(site: Api) -> None:
    """Nobody can say any more where that disk is."""
    run_job(site, MAC, wire.Result(ok=True, receipt=RECEIPT))
    hosts.remove_host(site.database, "pc1", now=NOW, who="test")
    assert where(site, "sda5_Debian") == []
