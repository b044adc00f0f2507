"""What the database cannot do is said in our words: whose file it is, that it is damaged, that it is away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provisioner.base.errors import ExitStatus, ProvisionerError
from provisioner.base.home import Home
from provisioner.cli import run
from provisioner.commands.init_appliance import create
from provisioner.database.engine import Database
from provisioner.timeline import audit
from tests.lab.readable import open_folder

NOBODY = 65534


@pytest.fixture(name="home")
def home_(tmp_path: Path) -> Path:
    """An appliance."""
    home = tmp_path / "home"
    create(home)
    return home


def test_a_damaged_database(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named, kept as it is, and no tables are made in its place."""
    path = Home(home).database
    path.write_bytes(b"this is no database, but once was one" * 100)
    before = path.read_bytes()
    assert run(["--home", str(home), "host", "list"]) == ExitStatus.FAILED
    error, hint = capsys.readouterr().err.splitlines()
    assert f"the database {path} is damaged: file is not a database" in error
    assert "put back a copy of it" in hint
    assert path.read_bytes() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("mode", [0o755, 0o750], ids=["readable", "closed"])
def test_a_database_of_another_user(mode: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Readable, and not writable, or not even to be seen: the owner is named."""
    with open_folder() as folder:
        home = folder / "home"
        create(home)
        home.chmod(mode)
        Home(home).database.chmod(0o644)
        os.seteuid(NOBODY)
        try:
            status = run(["--home", str(home), "job", "list"])
        finally:
            os.seteuid(0)
    assert status == ExitStatus.REFUSED
    assert "belongs to root" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_file_that_may_not_be_written() -> None:
    """Not 'attempt to write a readonly database'."""
    with open_folder() as folder:
        path = folder / "x.db"
        database = Database(f"sqlite:///{path}")
        database.migrate()
        database.close()
        path.chmod(0o644)
        os.seteuid(NOBODY)
        try:
            with pytest.raises(ProvisionerError) as caught:
                audit.record(Database(f"sqlite:///{path}"), "anna", "host add", "pc1", 1.0)
        finally:
            os.seteuid(0)
    assert "belongs to root" in caught.value.message
    assert "sudo clonesys" in caught.value.hint
