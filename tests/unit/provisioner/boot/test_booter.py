"""What a machine boots: from nothing known of it to its last attempt."""

from __future__ import annotations

from pathlib import Path

import pytest

from netboot.model import Boot, Ignore, Kernel, LocalDisk
from provisioner.base.config import Contact
from provisioner.base.home import Home
from provisioner.boot.booter import ProvisionerBooter, choose
from provisioner.database.engine import Database
from provisioner.hosts import registry
from provisioner.jobs.next_boot import Standing
from provisioner.jobs.queue import queue_job
from provisioner.security.keys import create_keys, load_nonce_key
from provisioner.security.nonces import verify
from tests.lab.boot import CLIENT, HERE
from tests.unit.provisioner.samples import INVENTORY_JOB


@pytest.mark.parametrize(
    ("known", "kind"),
    [
        (None, Ignore),
        (Standing(has_job=False), LocalDisk),
        (Standing(has_job=True, attempts=0), Kernel),
        (Standing(has_job=True, attempts=2), Kernel),
        (Standing(has_job=True, attempts=3), LocalDisk),
    ],
)
def test_choose(known: Standing | None, kind: type[Boot]) -> None:
    """Unknown machines are ignored; three attempts, then the own disk."""
    boot = choose(CLIENT, HERE, known, attempts=Contact().attempts, nonce=lambda: "n")
    assert isinstance(boot, kind)


def test_kernel_carries_what_the_agent_needs(database: Database, tmp_path: Path) -> None:
    """Both consoles, our address, the machine's MAC, and a nonce that verifies; asking changes nothing."""
    create_keys(tmp_path)
    registry.add_host(database, "pc1", [CLIENT.mac], now=0, who="test")
    queue_job(database, "pc1", INVENTORY_JOB, now=0, who="test")
    booter = ProvisionerBooter(tmp_path, database, lambda: 1000.0)
    boots = [booter.decide(CLIENT, HERE) for _ in range(20)]
    boot = boots[-1]
    assert isinstance(boot, Kernel)
    assert (boot.kernel, boot.initrds) == ("vmlinuz", ("initramfs.img",))
    assert boot.cmdline[:2] == ("console=tty0", "console=ttyS0,115200")
    words = dict(word.split("=", 1) for word in boot.cmdline[2:])
    assert words["clonesys.server"] == "http://192.0.2.1:8080"
    assert words["clonesys.mac"] == CLIENT.mac
    assert verify(load_nonce_key(tmp_path), words["clonesys.nonce"], 1000.0, mac=CLIENT.mac).at == 1000.0
    job = registry.get_host(database, "pc1").job
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
