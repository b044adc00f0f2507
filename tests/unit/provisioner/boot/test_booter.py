"""What a machine boots: from nothing known of it to its last attempt."""

from __future__ import annotations

from pathlib import Path

import pytest

from netboot.model import Boot, Ignore, Kernel, LocalDisk
from provisioner.base.clock import Moment
from provisioner.base.home import Home
from provisioner.boot.booter import ProvisionerBooter, choose
from provisioner.database.engine import Database
from provisioner.jobs.life import JobState
from provisioner.jobs.next_boot import NextBoot
from provisioner.jobs.tables import Job
from provisioner.security.keys import create_keys, load_nonce_key
from provisioner.security.nonces import verify
from tests.clients import people
from tests.lab.boot import CLIENT, HERE
from tests.unit.provisioner.samples import INVENTORY_JOB

MOMENT = Moment(1000.0)


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [(None, Ignore), (NextBoot(), LocalDisk), (NextBoot("inventory", 7), Kernel)],
)
def test_choose(wanted: NextBoot | None, kind: type[Boot]) -> None:
    """Unknown machines are ignored; a host without a job starts from its own disk."""
    assert isinstance(choose(CLIENT, HERE, wanted, lambda: "n"), kind)


@pytest.mark.parametrize(
    ("state", "attempts", "profile"),
    [
        (JobState.QUEUED, 0, "inventory"),
        (JobState.RUNNING, 1, "inventory"),
        (JobState.STALLED, 2, "inventory"),
        (JobState.STALLED, 3, "local"),
        (JobState.SUCCEEDED, 1, "local"),
        (JobState.FAILED, 1, "local"),
        (JobState.CANCELLED, 0, "local"),
    ],
)
def test_what_people_see_is_what_the_machine_gets(
    database: Database, tmp_path: Path, state: JobState, attempts: int, profile: str
) -> None:
    """'next boot' and the booter answer alike, whatever became of the job."""
    create_keys(tmp_path)
    people.add_host(database, "pc1", [CLIENT.mac], now=0)
    number = people.queue_job(database, "pc1", INVENTORY_JOB, now=0)
    with database.write() as session:
        row = session.get_one(Job, number)
        row.state, row.attempts = state, attempts
    assert people.get_host(database, "pc1").next_boot == profile
    assert people.list_hosts(database)[0].next_boot == profile
    boot = ProvisionerBooter(tmp_path, database).decide(CLIENT, HERE)
    assert isinstance(boot, LocalDisk if profile == "local" else Kernel)


def test_kernel_carries_what_the_agent_needs(database: Database, tmp_path: Path) -> None:
    """Both consoles, our address, the machine's MAC, and a nonce that verifies; asking changes nothing."""
    create_keys(tmp_path)
    people.add_host(database, "pc1", [CLIENT.mac], now=0)
    people.queue_job(database, "pc1", INVENTORY_JOB, now=0)
    booter = ProvisionerBooter(tmp_path, database, lambda: MOMENT)
    boots = [booter.decide(CLIENT, HERE) for _ in range(20)]
    boot = boots[-1]
    assert isinstance(boot, Kernel)
    assert (boot.kernel, boot.initrds) == ("vmlinuz", ("initramfs.img",))
    assert boot.cmdline[:2] == ("console=tty0", "console=ttyS0,115200")
    words = dict(word.split("=", 1) for word in boot.cmdline[2:])
    assert words["clonesys.server"] == "http://192.0.2.1:8080"
    assert words["clonesys.mac"] == CLIENT.mac
    assert verify(load_nonce_key(tmp_path), words["clonesys.nonce"], MOMENT, mac=CLIENT.mac).at == MOMENT
    job = people.get_host(database, "pc1").job
    assert job is not None
    assert (job.state, job.attempts) == ("queued", 0)


def test_only_boot_files_are_found(database: Database, tmp_path: Path) -> None:
    """Neither other files in boot/, nor anything outside of it, nor what is not there."""
    create_keys(tmp_path)
    Home(tmp_path).boot.mkdir()
    (Home(tmp_path).boot / "vmlinuz").write_bytes(b"k")
    (Home(tmp_path).boot / "secret").write_bytes(b"s")
    booter = ProvisionerBooter(tmp_path, database)
    assert booter.locate("vmlinuz") == Home(tmp_path).boot / "vmlinuz"
    for name in ("secret", "../keys/nonce.key", "initramfs.img", ""):
        assert booter.locate(name) is None
