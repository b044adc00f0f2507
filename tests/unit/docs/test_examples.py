"""What the documents tell people to type is taken: commands with their options, and profiles."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from provisioner.cli import app, run

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
COMMANDS = typer.main.get_command(app)
PAGES = [
    page
    for page in sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
    if DOCS / "decisions" not in page.parents and DOCS / "user" / "reference" not in page.parents
]
"""Decisions tell of their time, and references are made from the code."""
FENCED = re.compile(r"^ *```(?:sh)?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"(?:^ *|do |&& )(clonesys [^;|&\n]+)", re.MULTILINE)
QUOTED = re.compile(r"`(clonesys [^`;|&\n]+)`")
PROFILE = re.compile(r"^ *```toml\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def names(page: Path) -> str:
    """What a page is called in a test's name."""
    return str(page.relative_to(ROOT))


def typed(page: Path) -> Iterator[str]:
    """The command lines of a page: in its examples, and as code in its text."""
    text = page.read_text()
    for example in FENCED.findall(text):
        yield from TYPED.findall(example)
    yield from QUOTED.findall(FENCED.sub("", text))


def wrong(line: str) -> str:
    """What of a command line the program would not take, or nothing; values are not looked at."""
    command: Any = COMMANDS
    for word in shlex.split(line, comments=True)[1:]:
        known = {option for item in command.params for option in (*item.opts, *item.secondary_opts)}
        if word.startswith("--") and word not in {*known, "--help"}:
            return f"{line!r}: {command.name} has no {word}"
        if isinstance(command, TyperGroup) and re.fullmatch("[a-z]+", word):
            inner = command.get_command(typer.Context(command), word)
            if inner is None:
                return f"{line!r}: there is no {word!r}"
            command = inner
    return ""


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_commands_are_there(page: Path) -> None:
    """Verbs and options, in examples and in the text."""
    assert [problem for line in typed(page) if (problem := wrong(line))] == []


def test_a_command_that_is_not_there_is_found() -> None:
    """And an option that is another command's; a value is none."""
    assert wrong("clonesys image capture /dev/sdb sda_Golden --empty 5  # the disk") == ""
    assert wrong("clonesys --home DIR init") == ""
    assert wrong("clonesys picture capture").endswith("there is no 'picture'")
    assert wrong("clonesys image list --empty 5").endswith("list has no --empty")


def examples() -> list[tuple[str, str]]:
    """Whole profiles, each with where it stands."""
    found = [(names(page), text) for page in PAGES for text in PROFILE.findall(page.read_text())]
    return [(place, text) for place, text in found if "action" in tomllib.loads(text)]


@pytest.mark.parametrize(("place", "text"), examples())
def test_profiles_are_good(place: str, text: str, tmp_path: Path) -> None:
    """Those with an action; others are parts of one."""
    file = tmp_path / "example.toml"
    file.write_text(text)
    assert run(["profile", "check", str(file)]) == 0, place


def test_there_are_examples() -> None:
    """So that none is overlooked."""
    assert len(examples()) >= 6
    assert sum(1 for page in PAGES for _ in typed(page)) > 100
