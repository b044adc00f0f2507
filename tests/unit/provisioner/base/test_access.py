"""What the system refuses names the file's owner and the user to be; a full disk is called full."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioner.base import access
from provisioner.base.errors import ExitStatus
from provisioner.base.home import Home
from provisioner.cli import run
from provisioner.commands.init_appliance import create
from tests.lab.readable import open_folder

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


@contextmanager
def another_user() -> Iterator[None]:
    """For as long as the body runs, this process has no more rights than nobody."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture(name="home")
def home_() -> Iterator[Path]:
    """An appliance that only root may enter, below folders that all may."""
    with open_folder() as folder:
        create(folder / "home")
        (folder / "home").chmod(0o700)
        yield folder / "home"


@pytest.mark.parametrize("words", ["host list", "image list", "status", "profile list", "serve"])
def test_another_user_is_told_whom_to_be(home: Path, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Not that there is no appliance, nor that it is empty; and nothing has changed."""
    line = ["--home", str(home), *words.split()]
    # What it loads is loaded before: Python itself may lie where nobody may look.
    assert run([*line, "-h"] if words == "serve" else line) == 0
    capsys.readouterr()
    with another_user():
        assert run(line) == ExitStatus.REFUSED
    error, hint = capsys.readouterr().err.splitlines()
    assert f"{home}, which leads to " in error
    assert "belongs to root (mode 0700), and nobody may not do this" in error
    assert hint == "hint: run this as root: 'sudo clonesys …'"


def test_a_file_of_another_user(home: Path) -> None:
    """In a folder that may be entered; the owner has a name, or a number where there is none."""
    home.chmod(0o755)
    path = Home(home).root / "secret"
    path.write_text("x")
    os.chown(path, 54321, -1)
    path.chmod(0o600)
    with another_user(), pytest.raises(PermissionError) as caught:
        path.read_text()
    with another_user():
        told = access.in_words(caught.value)
    assert told.message == f"{path} belongs to 54321 (mode 0600), and nobody may not do this"
    assert told.hint == "run this as 54321: 'sudo -u 54321 clonesys …'"


def test_full_and_read_only_disks_have_words_of_their_own() -> None:
    """With what to do."""
    full = access.in_words(OSError(errno.ENOSPC, "No space left on device", "/srv/x"))
    assert (full.message, full.hint) == ("/srv/x: no space left", access.ROOM)
    fixed = access.in_words(OSError(errno.EROFS, "Read-only file system", "/srv/x"))
    assert "mounted read-only" in fixed.message


@pytest.mark.parametrize("words", ["image capture SECRET sda5_Data", "profile check SECRET"])
def test_what_a_person_names_may_be_another_users_too(
    home: Path, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A disk, a file: the engine's refusal names the owner like all others."""
    secret = home.parent / "secret"
    secret.write_bytes(b"x" * 4096)
    line = ["--home", str(home), *words.replace("SECRET", str(secret)).split()]
    run(line)  # loads what it loads
    for path in (home, *home.rglob("*")):
        os.chown(path, NOBODY, -1)
    secret.chmod(0o600)
    capsys.readouterr()
    with another_user():
        assert run(line) == ExitStatus.REFUSED
    error, hint = capsys.readouterr().err.splitlines()
    assert error == f"error: {secret} belongs to root (mode 0600), and nobody may not do this"
    assert "sudo clonesys" in hint
