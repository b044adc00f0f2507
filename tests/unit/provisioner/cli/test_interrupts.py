"""Ctrl-C: every command that takes long says in words what it has left, and how to go on."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.base.errors import ExitStatus
from provisioner.base.home import Home
from provisioner.cli import run
from provisioner.commands.init_appliance import create
from tests.clients.chunk_server import Handler, serving
from tests.images.in_memory import MIB
from tests.lab.waiting import Deadline, until

CLONESYS = Path(sys.executable).with_name("clonesys")
PATIENCE = 60.0
BOOT_CRITICAL = 3
"""Requests that are answered: what is written last is fetched before the first write."""


@pytest.fixture(name="home", scope="module")
def home_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An appliance with an image."""
    folder = tmp_path_factory.mktemp("interrupts")
    create(folder / "home")
    (folder / "raw").write_bytes(random.Random(1).randbytes(16 * MIB))
    capture = ["image", "capture", str(folder / "raw"), "sda5_Data", "--json"]
    assert run(["--home", str(folder / "home"), *capture]) == 0
    return folder / "home"


def interrupted(
    home: Path, *words: str | Path, when: Callable[[], bool], then: Callable[[], None] = lambda: None
) -> tuple[int, str, str]:
    """Run a command, interrupt it when a condition holds; its status and what it said."""
    # A background job of a shell ignores SIGINT, and so would all that it starts.
    command = ["env", "--default-signal=INT", CLONESYS, "--home", home, *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: when() or process.poll() is not None, Deadline.within(PATIENCE), "time to interrupt")
        process.send_signal(signal.SIGINT)
        then()
        out, error = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return process.returncode, out, error


@dataclass(frozen=True, slots=True)
class Stuck:
    """A server that stops to answer after some requests. ``waiting``: it has; ``released``: it goes on."""

    url: str
    waiting: threading.Event
    released: threading.Event


@pytest.fixture(name="stuck")
def stuck_(home: Path) -> Iterator[Stuck]:
    """One for the appliance's chunks."""
    waiting, released = threading.Event(), threading.Event()

    def trouble(_handler: Handler, number: int) -> bool:
        if number <= BOOT_CRITICAL:
            return False
        waiting.set()
        released.wait(PATIENCE)
        return False

    with serving(home, trouble) as server:
        yield Stuck(server.url, waiting, released)
        released.set()


def test_a_restore_says_what_the_disk_is(
    home: Path, tmp_path: Path, stuck: Stuck, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is half written; the same command goes on, and tells why in the same words."""
    target = tmp_path / "disk"
    words = ("image", "restore", "sda5_Data", target, "--from", stuck.url, "--yes")
    status, _, said = interrupted(home, *words, when=stuck.waiting.is_set, then=stuck.released.set)
    assert status == ExitStatus.INTERRUPTED
    *_, last = said.splitlines()
    left = f"{target} is half written and does not start; the same command goes on from there"
    assert last == f"error: interrupted: {left}"
    assert "KeyboardInterrupt" not in said
    assert run(["--home", str(home), "image", "restore", "sda5_Data", str(target), "--yes"]) == 0
    again = capsys.readouterr().err
    assert "did not end: it was interrupted" in again


def test_for_programs_it_is_an_error_like_any_other(home: Path, tmp_path: Path, stuck: Stuck) -> None:
    """One line of JSON."""
    words = ("image", "restore", "sda5_Data", tmp_path / "disk", "--from", stuck.url, "--yes", "--json")
    status, out, said = interrupted(home, *words, when=stuck.waiting.is_set, then=stuck.released.set)
    assert (status, out) == (ExitStatus.INTERRUPTED, "")
    assert re.match("interrupted: .* is half written", json.loads(said)["error"])


def test_a_capture_leaves_no_generation(home: Path, tmp_path: Path) -> None:
    """And says so; what it had stored goes with the next gc."""
    raw = tmp_path / "raw"
    with raw.open("wb") as file:
        for _ in range(256):
            file.write(os.urandom(MIB))
    incoming = Home(home).store / "incoming"
    words = ("image", "capture", raw, "sda5_Data")
    status, _, said = interrupted(home, *words, when=lambda: any(incoming.glob("*/*")))
    assert status == ExitStatus.INTERRUPTED
    assert said.splitlines()[-1] == (
        "error: interrupted: no generation was added, and nothing that was there has changed"
    )
    assert list((Home(home).store / "manifests" / "sda5_Data").glob("[0-9]")) == [
        Home(home).store / "manifests" / "sda5_Data" / "1"
    ]
