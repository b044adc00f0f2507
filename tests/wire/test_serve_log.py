"""``clonesys serve`` says what happens and which boot files are missing; ``host timeline`` tells it later."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netboot.events import Event, Kind
from provisioner.base.errors import ExitStatus
from provisioner.base.home import Home
from provisioner.cli import run
from provisioner.commands import init_appliance
from provisioner.database.engine import open_database
from provisioner.hosts import sightings
from tests.lab.waiting import Deadline, until

pytestmark = pytest.mark.wire

CLONESYS = Path(sys.executable).with_name("clonesys")
MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"


def test_what_happens_is_a_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Events of the network, changes that people make, boot files that are not there."""
    home, log = tmp_path / "home", tmp_path / "log"
    init_appliance.create(home)
    command: list[str | Path] = [CLONESYS, "--home", home, "serve", "--only", "http,controller"]
    command += ["--http-listen", "127.0.0.1:0"]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True)
    try:
        assert process.stdout
        assert process.stdout.readline().startswith("ready: ")
        said = log.read_text()
        for name in ("vmlinuz", "initramfs.img"):
            assert f"ERROR the boot file {name} is missing" in said
        assert "clonesys initramfs build" in said
        assert run(["--home", str(home), "host", "add", "pc1", "--mac", MAC]) == 0
        database = open_database(home)
        now = time.time()
        seen = [Event(now, Kind.DISCOVER, MAC, "192.0.2.7", "bios rom")] * 3
        seen += [Event(now, Kind.TFTP_PROBE, None, "192.0.2.7", "undionly.kpxe")]
        seen += [Event(now, Kind.IGNORED, OTHER, "192.0.2.9", "unknown host")]
        sightings.record(database, seen)
        database.close()
        until(lambda: "unknown host" in log.read_text(), Deadline.within(30), "the last event in the log")
        lines = log.read_text().splitlines()
        assert sum(f"discover    pc1 {MAC} 192.0.2.7 bios rom" in line for line in lines) == 1
        assert sum(f"ignored     {OTHER} 192.0.2.9 unknown host" in line for line in lines) == 1
        assert sum("host add pc1" in line for line in lines) == 1
        assert not [line for line in lines if "tftp-probe" in line]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()
    capsys.readouterr()
    assert run(["--home", str(home), "host", "timeline", "PC1", "--json"]) == 0
    assert [event["kind"] for event in json.loads(capsys.readouterr().out)] == ["discover"] * 3
    assert run(["--home", str(home), "host", "timeline", OTHER.replace(":", "-"), "--limit", "1"]) == 0
    assert "unknown host" in capsys.readouterr().out
    assert run(["--home", str(home), "host", "timeline", "pc9"]) == ExitStatus.NOT_FOUND
    capsys.readouterr()
    assert run(["--home", str(home), "status", "--json"]) == 0
    assert {"vmlinuz", "initramfs.img"} <= set(json.loads(capsys.readouterr().out)["boot_files_missing"])
    (Home(home).boot / "vmlinuz").write_bytes(b"x")
    assert run(["--home", str(home), "status"]) == 0
    said = capsys.readouterr().out
    assert "boot file initramfs.img: clonesys initramfs build" in said
    assert "boot file vmlinuz" not in said
