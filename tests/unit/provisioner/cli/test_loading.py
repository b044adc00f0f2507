"""What a command line loads, and how the command line tells the time of its stages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from provisioner.cli import run
from provisioner.cli.bars import StageTimes
from provisioner.cli.image import VERBS
from provisioner.commands.init_appliance import create

HEAVY = {"sqlalchemy", "alembic", "fastapi", "starlette", "pydantic", "jinja2", "rich"}
PROGRAM = """
import sys
from provisioner.cli import run
from provisioner.cli.bars import StageTimes
run(sys.argv[1:])
print(*sys.modules)
"""


def loaded(*words: str) -> set[str]:
    """The modules that a command line loads."""
    command = (sys.executable, "-c", PROGRAM, *words)
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        ("restore sda5_Data NEW --from http://127.0.0.1:1", HEAVY),
        ("diff sda5_Data@1 sda5_Data@2", HEAVY - {"rich"}),
    ],
)
def test_image_commands_load_what_they_need(tmp_path: Path, words: str, heavy: set[str]) -> None:
    """What takes longer to load than a small restore takes is not loaded for one; nor are other verbs."""
    line = [word.replace("NEW", str(tmp_path / "new")) for word in words.split()]
    modules = loaded("--home", str(tmp_path), "image", *line, "--json")
    assert not modules & heavy
    others = {f"provisioner.cli.image.{verb}" for verb in ("restore", "capture", "show", "shrink", "diff")}
    assert others & modules == {f"provisioner.cli.image.{line[0]}"}


@pytest.mark.parametrize("words", ["image --help", "image resotre"])
def test_all_verbs_of_images_load_no_database(words: str) -> None:
    """They are all loaded for a help page, and for the nearest to a wrong one."""
    modules = loaded(*words.split())
    assert "provisioner.cli.image.where" in modules
    assert not modules & (HEAVY - {"rich"})


def test_a_database_that_is_current_loads_no_migrations(tmp_path: Path) -> None:
    """What migrates takes as long to load as all the rest."""
    create(tmp_path)
    modules = loaded("--home", str(tmp_path), "audit", "--json")
    assert "sqlalchemy" in modules
    assert "alembic" not in modules


def test_only_the_place_of_a_word_names_a_command(tmp_path: Path) -> None:
    """A directory called like a group loads nothing of it."""
    modules = loaded("--home", str(tmp_path / "host"), "image", "restore", "serve", "list", "--json")
    assert not modules & {"provisioner.cli.host", "provisioner.cli.serve", "provisioner.cli.image.show"}


def test_help_shows_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    """Each can be loaded, and they come in their order."""
    assert run(["image", "--help"]) == 0
    words = [line.split()[1] for line in capsys.readouterr().out.splitlines() if len(line.split()) > 3]
    assert [word for word in words if word in VERBS] == list(VERBS)


def test_stages_pass_the_progress_on() -> None:
    """What measures the stages shows them too, and names them in order."""
    seen: list[tuple[str, int, int]] = []
    stages = StageTimes(lambda step, done, total: seen.append((step, done, total)))
    for step in ("write", "write", "verify"):
        stages(step, 1, 2)
    assert seen == [("write", 1, 2), ("write", 1, 2), ("verify", 1, 2)]
    assert list(stages.seconds()) == ["write", "verify"]
