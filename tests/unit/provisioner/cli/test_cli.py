"""The command line as a person sees it: what it prints, and how it fails."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest

from provisioner.base.errors import ExitStatus
from provisioner.base.home import Home
from provisioner.cli import run
from provisioner.commands import init_appliance
from provisioner.database.engine import open_database
from provisioner.hosts.registry import find_host
from provisioner.jobs.life import JobState
from provisioner.jobs.tables import Job

MAC = "52:54:00:00:00:01"

BAD = """
action = "instal"
thn = "reboot"
[disk]
min_size = "huge"
[images.partitions]
x = "y"
[personalise]
"""


@pytest.fixture(name="home")
def home_(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """An appliance, made by the command itself."""
    home = tmp_path / "home"
    assert run(["--home", str(home), "init", "--yes"]) == 0
    said = capsys.readouterr().out
    assert "password" in said
    assert "next:" in said
    return home


@pytest.fixture(name="site", scope="module")
def site_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An appliance that no test changes."""
    site = tmp_path_factory.mktemp("site") / "home"
    init_appliance.create(site)
    return site


def test_status_names_the_hosts_to_look_at_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the same words as 'job show', 'job list', 'host show', and for programs."""
    base = ["--home", str(home)]
    assert run([*base, "host", "add", "pc1", "--mac", MAC]) == 0
    document = {"after": "reboot", "work": {"personalisation": {"phone_home_url": "at contact"}}}
    ended = time.time() - 23 * 60
    with closing(open_database(home)) as database, database.write() as session:
        host = find_host(session, "pc1")
        job = Job(profile="class", action="restore", document=document, state=JobState.SUCCEEDED)
        job.host_id, job.created, job.ended = host.id, ended, ended
        session.add(job)
    said = "has not started since: 23 min"
    for words in (["status"], ["job", "show", "1"], ["job", "list"], ["host", "show", "pc1"]):
        capsys.readouterr()
        assert run([*base, *words]) == 0
        out = capsys.readouterr().out
        assert said in " ".join(out.split()), words
        assert words != ["status"] or out.startswith("pc1: written and proved")
    assert run([*base, "status", "--json"]) == 0
    (trouble,) = json.loads(capsys.readouterr().out)["troubles"]
    assert (trouble["host"], trouble["job"]) == ("pc1", 1)
    assert said in trouble["what"]


def test_whole_round(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Add a machine, let it do something once, look at it, take it back, remove it."""
    base = ["--home", str(home)]
    assert run([*base, "host", "add", "PC1", "--mac", "52-54-00-00-00-01", "--alias", "www"]) == 0
    for name in ("vmlinuz", "initramfs.img"):
        (Home(home).boot / name).write_bytes(b"x")
    assert run([*base, "host", "set", "www", "--profile", "inventory"]) == 0
    capsys.readouterr()
    assert run([*base, "host", "list", "--json"]) == 0
    (host,) = json.loads(capsys.readouterr().out)["hosts"]
    assert (host["name"], host["macs"], host["next_boot"], host["job"]["state"]) == (
        "pc1",
        [MAC],
        "inventory",
        "queued",
    )
    for words in (
        ["status"],
        ["job", "list"],
        ["job", "show", "1"],
        ["host", "show", "pc1"],
        ["profile", "list"],
    ):
        assert run([*base, *words]) == 0
        assert "inventory" in capsys.readouterr().out or words == ["status"]
        assert run([*base, *words, "--json"]) == 0
        json.loads(capsys.readouterr().out)
    assert run([*base, "job", "cancel", "1"]) == 0
    assert run([*base, "host", "rm", "pc1"]) == 0
    capsys.readouterr()
    assert run([*base, "audit", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["what"] for entry in entries] == ["host rm", "job cancel", "host set", "host add", "init"]
    assert run([*base, "audit"]) == 0
    assert "pc1 inventory (inventory, job 1)" in capsys.readouterr().out


def test_init_again_keeps_everything(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second init changes no key and prints no password."""
    before = {path: path.read_bytes() for path in (home / "keys").iterdir()}
    assert run(["--home", str(home), "init", "--yes"]) == 0
    assert "password" not in capsys.readouterr().out
    assert {path: path.read_bytes() for path in (home / "keys").iterdir()} == before


def test_bad_profile_says_everything(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Five mistakes are five lines between error and hint, and nothing is added."""
    file = tmp_path / "bad.toml"
    file.write_text(BAD)
    for verb in ("check", "add"):
        assert run(["--home", str(home), "profile", verb, str(file)]) == ExitStatus.REFUSED
        error, *problems, hint = capsys.readouterr().err.splitlines()
        assert error == "error: profile 'bad' has 5 problems"
        assert len(problems) == 5
        assert hint.startswith("hint: ")
    assert not (Home(home).profiles / "bad.toml").exists()


@pytest.mark.parametrize("action", ["wipe", "hold"])
def test_what_no_agent_can_do_is_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    """When a profile is checked or added, and when one of an earlier version is given to a host."""
    base = ["--home", str(home)]
    assert run([*base, "host", "add", "pc1", "--mac", MAC]) == 0
    file = tmp_path / "old.toml"
    file.write_text(f'action = "{action}"\n')
    kept = Home(home).profiles / "old.toml"
    for words in (["profile", "check", str(file)], ["profile", "add", str(file)]):
        assert run([*base, *words]) == ExitStatus.REFUSED
        assert not kept.exists()
    kept.write_text(file.read_text())
    capsys.readouterr()
    assert run([*base, "host", "set", "pc1", "--profile", "old"]) == ExitStatus.REFUSED
    said = capsys.readouterr().err
    assert f"'{action}' is not allowed" in said
    assert "'local', 'initinstall', 'restore', 'backup', 'inventory', 'rescue'" in said
    assert run([*base, "job", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_profiles_are_kept(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Add, refuse to replace, replace, show, remove."""
    base = ["--home", str(home), "profile"]
    file = tmp_path / "class.toml"
    file.write_text('action = "restore"\n[images.partitions]\nsda5 = "sda5_A"\n')
    assert [run([*base, "add", str(file)]), run([*base, "add", str(file)])] == [0, ExitStatus.REFUSED]
    assert "--replace" in capsys.readouterr().err
    assert run([*base, "add", str(file), "--replace"]) == 0
    capsys.readouterr()
    assert run([*base, "show", "class", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"]["partitions"] == {"5": "sda5_A"}
    assert run([*base, "rm", "class"]) == 0
    assert run([*base, "rm", "local"]) == ExitStatus.REFUSED


def test_profile_naming_missing_images(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It cannot be given to a host; every missing image is named, and the host stays as it was."""
    base = ["--home", str(home)]
    run([*base, "host", "add", "pc1", "--mac", MAC])
    assert run([*base, "host", "set", "pc1", "--profile", "example"]) == ExitStatus.REFUSED
    said = capsys.readouterr().err
    assert "images.disk: there is no image sda_InitClone" in said
    assert "images.partitions.5: there is no image sda5_Debian" in said
    run([*base, "host", "show", "pc1", "--json"])
    assert json.loads(capsys.readouterr().out)["next_boot"] == "local"


def test_no_boot_files(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A job that its machine could not boot into is refused with the command that helps."""
    base = ["--home", str(home)]
    run([*base, "host", "add", "pc1", "--mac", MAC])
    assert run([*base, "host", "set", "pc1", "--profile", "inventory"]) == ExitStatus.REFUSED
    assert "clonesys initramfs build" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["host", "show", "nobody"], ExitStatus.NOT_FOUND),
        (["host", "add", "a b", "--mac", MAC], ExitStatus.REFUSED),
        (["host", "add", "pc1", "--mac", "x"], ExitStatus.REFUSED),
        (["host", "set", "nobody", "--profile", "local"], ExitStatus.NOT_FOUND),
        (["host", "adopt", MAC, "pc1"], ExitStatus.NOT_FOUND),
        (["host", "adopt", MAC], ExitStatus.USAGE),
        (["profile", "check", "/does/not/exist"], ExitStatus.NOT_FOUND),
        (["profile", "show", "../../etc/passwd"], ExitStatus.REFUSED),
        (["job", "show", "7"], ExitStatus.NOT_FOUND),
        (["job", "show", "x"], ExitStatus.USAGE),
        (["no-such-command"], ExitStatus.USAGE),
        (["init"], ExitStatus.REFUSED),
    ],
)
def test_errors_and_hints(
    site: Path, words: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every failure is an error line and a hint line on standard error, with a status that is not 0."""
    assert run(["--home", str(site), *words]) == status
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("error: ")
    assert lines[-1].startswith("hint: ")


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        ("image resotre", "No such command 'resotre'. Did you mean 'restore'?", "'clonesys image --help'"),
        ("hots image", "No such command 'hots'. Did you mean 'host'?", "'clonesys --help'"),
        ("image restore a", "Missing argument 'target'.", "'clonesys image restore --help'"),
        ("image list --home x", "No such option: --home", "'clonesys --home … image list'"),
        ("image list --debug", "No such option: --debug", "'clonesys --debug … image list'"),
    ],
)
def test_a_wrong_command_line(words: str, error: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The hint names the command to type, or where the option belongs; no traceback helps there."""
    assert run(words.split()) == 2
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error: {error}")
    assert last.startswith("hint: ")
    assert hint in last


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, whatever else is asked."""
    assert run(["--version", "image"]) == 0
    assert capsys.readouterr().out == f"clonesys {version('clonesys')}\n"


def test_as_a_process(tmp_path: Path) -> None:
    """The installed command: no traceback without --debug, one with it."""
    clonesys = Path(sys.executable).with_name("clonesys")

    def fail(*words: str) -> str:
        command = [str(clonesys), *words, "--home", str(tmp_path), "host", "list"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        return done.stderr

    assert (
        fail()
        == f"error: {tmp_path} is no appliance\nhint: make one with 'clonesys --home {tmp_path} init'\n"
    )
    assert "Traceback" in fail("--debug")
