"""What programs rely on: exit statuses, JSON also of errors, help, completion, and a quiet end of a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from docs.generator.commands import commands_of
from provisioner.base.errors import ExitStatus
from provisioner.cli import BROKEN_PIPE, app, run
from provisioner.commands.appliance import Appliance
from provisioner.commands.host.add import AddHost, add_host
from provisioner.commands.init_appliance import create
from tests.clients.people import ADMIN

CLONESYS = Path(sys.executable).with_name("clonesys")
COMMANDS = list(commands_of("clonesys", typer.main.get_command(app)))


@pytest.fixture(name="home", scope="module")
def home_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An appliance with hosts."""
    home = tmp_path_factory.mktemp("programs") / "home"
    create(home)
    with Appliance(home) as appliance:
        for number in (1, 2, 10):
            add_host(appliance, ADMIN, AddHost(f"pc{number}", (f"52:54:00:00:00:{number:02}",)))
    return home


@pytest.mark.parametrize("found", COMMANDS, ids=lambda found: found.path)
def test_every_command_has_short_help(found: object, capsys: pytest.CaptureFixture[str]) -> None:
    """``-h`` and ``--help`` say the same."""
    words = found.path.split()[1:]  # type: ignore[attr-defined]  # a Command of the generator
    assert run([*words, "-h"]) == 0
    short = capsys.readouterr().out
    assert run([*words, "--help"]) == 0
    assert capsys.readouterr().out == short


def test_every_command_speaks_json() -> None:
    """All but 'serve', whose output is a log."""
    verbs = [found for found in COMMANDS if not found.is_group]
    options = {found.path: {word for item in found.command.params for word in item.opts} for found in verbs}
    assert [path for path, words in options.items() if "--json" not in words] == ["clonesys serve"]


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        ("host show pc9", ExitStatus.NOT_FOUND, "there is no host 'pc9'"),
        ("host set pc1 --profile inventory", ExitStatus.REFUSED, "no initramfs.img and no vmlinuz"),
        ("host rm pc1 pc8 pc9", ExitStatus.REFUSED, "2 of 3 hosts cannot be taken; nothing was changed"),
        ("image capture /nonexistent sda_X", ExitStatus.FAILED, "/nonexistent"),
        ("image lsit", ExitStatus.USAGE, "No such command 'lsit'"),
    ],
)
def test_errors_are_json_too(
    home: Path, words: str, status: ExitStatus, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on standard error, whatever fails; nothing of it on standard output."""
    assert run(["--home", str(home), *words.split(), "--json"]) == status
    said = capsys.readouterr()
    assert said.out == ""
    told = json.loads(said.err)
    assert set(told) == {"error", "hint", "exit_status", "problems"}
    assert told["exit_status"] == status
    words_told = told["error"].replace("no vmlinuz and no initramfs.img", "no initramfs.img and no vmlinuz")
    assert error in words_told
    assert all(set(problem) == {"where", "what", "hint"} for problem in told["problems"])


def completed(home: Path, *words: str) -> list[str]:
    """What bash is offered behind these words."""
    line = ["clonesys", "--home", str(home), *words]
    environment = os.environ | {
        "_CLONESYS_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(line),
        "COMP_CWORD": str(len(line) - 1),
    }
    done = subprocess.run([CLONESYS], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


def test_names_are_completed(home: Path, tmp_path: Path) -> None:
    """Commands, hosts in their order, profiles; where there is no appliance nothing, not even an error."""
    assert completed(home, "ho") == ["host"]
    assert completed(home, "host", "show", "pc") == ["pc1", "pc2", "pc10"]
    assert completed(home, "host", "set", "pc1", "--profile", "in") == ["inventory"]
    assert completed(tmp_path, "host", "show", "pc") == []


def test_names_that_a_shell_would_run_are_not_offered(home: Path) -> None:
    """Profiles are files of the services' user; who presses Tab may be root."""
    trap = home / "profiles" / "zz$(id).toml"
    trap.touch()
    try:
        assert completed(home, "host", "set", "pc1", "--profile", "zz") == []
    finally:
        trap.unlink()


def test_a_reader_that_has_seen_enough(home: Path) -> None:
    """``clonesys host list | head -1``: no traceback, no error."""
    reading, writing = os.pipe()
    os.close(reading)
    command: list[str | Path] = [CLONESYS, "--home", home, "host", "list", "--json"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (BROKEN_PIPE, "")


def test_hosts_are_listed_as_people_count(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """pc2 before pc10."""
    assert run(["--home", str(home), "host", "list", "--json"]) == 0
    assert [host["name"] for host in json.loads(capsys.readouterr().out)["hosts"]] == ["pc1", "pc2", "pc10"]
    assert run(["--home", str(home), "host", "show", "pc10", "pc2", "--json"]) == 0
    assert [host["name"] for host in json.loads(capsys.readouterr().out)] == ["pc10", "pc2"]
