"""The appliance's disk is full: what can be read is read, gc makes room, and all else says so."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.base.errors import ExitStatus
from provisioner.base.home import Home
from provisioner.cli import run
from provisioner.commands import init_appliance
from tests.images.in_memory import MIB

pytestmark = pytest.mark.root

MAC = "52:54:00:00:00:01"


@pytest.fixture(name="home")
def home_(tmp_path: Path) -> Iterator[Path]:
    """An appliance with a host and two generations of an image, on a small disk with nothing left of it."""
    disk, raw = tmp_path / "disk", tmp_path / "raw"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], check=True)
    try:
        home = disk / "home"
        init_appliance.create(home)
        base = ["--home", str(home)]
        assert run([*base, "host", "add", "pc1", "--mac", MAC]) == 0
        for seed in (1, 2):
            raw.write_bytes(random.Random(seed).randbytes(2 * MIB))
            assert run([*base, "image", "capture", str(raw), "sda5_Data"]) == 0
        fill(disk / "fill")
        yield home
    finally:
        subprocess.run(["umount", disk], check=True)


def fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("wb", buffering=0) as file:
        while True:
            try:
                os.write(file.fileno(), bytes(4096))
            except OSError:
                return


def test_gc_makes_room_and_all_else_says_that_there_is_none(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No database's words, no traceback; what was there before is whole."""
    base = ["--home", str(home)]
    profile = tmp_path / "look.toml"
    profile.write_text('action = "inventory"\n')
    capsys.readouterr()
    for words in (
        ["host", "add", "pc2", "--mac", "52:54:00:00:00:02"],
        ["image", "capture", str(tmp_path / "raw"), "sda5_Other"],
        ["profile", "add", str(profile)],
        ["image", "gc"],
    ):
        assert run([*base, *words]) == ExitStatus.FAILED, words
        said = capsys.readouterr().err
        assert "no space left" in said, words
        assert "clonesys image rm" in said, words
    assert run([*base, "image", "verify"]) == 0
    for words in (["host", "list"], ["status"], ["job", "list"], ["audit"], ["image", "list"]):
        assert run([*base, *words, "--json"]) == 0, words
    capsys.readouterr()
    # The change is made, and it is said that the audit log does not have it.
    assert run([*base, "image", "rm", "sda5_Data@1", "--yes"]) == ExitStatus.FAILED
    said = capsys.readouterr().err
    assert (
        "image rm sda5_Data@1: this was done, but the audit log could not be written: no space left" in said
    )
    assert "do not repeat it" in said
    assert run([*base, "image", "gc", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["chunks"] == 2
    assert run([*base, "host", "show", "pc1"]) == 0
    assert run([*base, "host", "add", "pc2", "--mac", "52:54:00:00:00:02"]) == 0
    capsys.readouterr()
    assert run([*base, "audit", "--json"]) == 0
    assert [entry["what"] for entry in json.loads(capsys.readouterr().out)][:2] == ["host add", "image gc"]
    assert run([*base, "image", "verify"]) == 0


def test_jobs_keep_their_images_on_a_full_disk(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What gc asks before it deletes is the database as it is, not an empty one."""
    (home.parent / "fill").unlink()
    for name in ("vmlinuz", "initramfs.img"):
        (Home(home).boot / name).write_bytes(b"x")
    text = 'action = "restore"\n[images.partitions]\n5 = "sda5_Data@1"\n'
    (Home(home).profiles / "old.toml").write_text(text)
    base = ["--home", str(home)]
    assert run([*base, "host", "set", "pc1", "--profile", "old"]) == 0
    fill(home.parent / "fill")
    manifests = Home(home).store / "manifests" / "sda5_Data"
    (manifests / "1").rename(manifests / "1.removed")  # by a person, past 'image rm'
    capsys.readouterr()
    assert run([*base, "image", "gc"]) == ExitStatus.FAILED
    assert "nothing can be deleted, everything is needed: no space left" in capsys.readouterr().err
    (manifests / "1.removed").rename(manifests / "1")
    assert run([*base, "image", "verify"]) == 0
