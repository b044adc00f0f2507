"""The references in docs/user/reference say what the code says."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
import typer
from pydantic import AfterValidator, BaseModel, Field

from docs.generator.commands import commands_of, section
from docs.generator.keys import Key, keys_of
from docs.generator.markdown import bounds, table
from docs.generator.meanings import ACCEPTED, CONFIGURATION, PROFILE
from docs.generator.references import FOLDER, REFERENCES
from provisioner.base.config import Config
from provisioner.profiles.model import Profile


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_is_what_the_code_says(name: str) -> None:
    """Key for key, command for command."""
    assert (FOLDER / name).read_text() == REFERENCES[name](), f"{name} is old: run `make docs`, and commit it"


def test_the_folder_holds_references_alone() -> None:
    """A page that is no longer made is removed."""
    assert {path.name for path in FOLDER.iterdir()} == set(REFERENCES)


@pytest.mark.parametrize(("shape", "meanings"), [(Profile, PROFILE), (Config, CONFIGURATION)])
def test_every_key_has_a_meaning_and_every_meaning_a_key(shape: object, meanings: dict[str, str]) -> None:
    """So a new key cannot be forgotten, nor an old one explained for ever."""
    keys = {key.path for key in keys_of(shape, ACCEPTED)}
    assert keys - set(meanings) == set(), "say in docs/generator/meanings.py what these mean"
    assert set(meanings) - keys == set(), "remove these from docs/generator/meanings.py"


@pytest.mark.parametrize("width", ["20", "400"])
def test_no_terminal_changes_a_reference(monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    """The width of a terminal, its colours, and settings in the environment."""
    before = REFERENCES["command-line.md"]()
    settings = {"COLUMNS": width, "FORCE_COLOR": "1", "CLONESYS_HOME": "/elsewhere", "TERMINAL_WIDTH": width}
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value)
    assert REFERENCES["command-line.md"]() == before


def test_every_command_is_there_those_that_load_late_too() -> None:
    """A verb of a group that is loaded when it is named."""
    text = REFERENCES["command-line.md"]()
    assert {"### clonesys serve\n", "## clonesys image\n", "### clonesys image verify\n"} <= {
        line + "\n" for line in text.splitlines()
    }
    assert "`NAME[@GENERATION]`" in text


class _Small(BaseModel):
    kind: Literal["small"]
    number: Annotated[int, Field(ge=1, le=9)] = 3


class _Large(BaseModel):
    kind: Literal["large"]
    names: list[str] = Field(default_factory=list)


class _File(BaseModel):
    thing: _Small | _Large
    note: Annotated[str, AfterValidator(str.strip)] | None = None


def test_a_table_of_several_shapes_lists_each_key_once() -> None:
    """With all that it may be."""
    assert list(keys_of(_File, {"strip": "a note"})) == [
        Key("thing", "table", ""),
        Key("thing.kind", '`"small"` or `"large"`', "required"),
        Key("thing.number", "integer, 1 to 9", "`3`"),
        Key("thing.names", "list of text", "`[]`"),
        Key("note", "a note", "none"),
    ]


def test_a_reader_that_is_not_described_is_named() -> None:
    """The generator does not guess what a function accepts."""
    with pytest.raises(LookupError, match=r"meanings\.py what 'strip' accepts"):
        list(keys_of(_File, {}))


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    """As in the metavar of an option that takes one of two words."""
    assert list(table(("a",), [("x|y\nz",)])) == ["| a |", "| --- |", "| x\\|y z |", ""]


def test_bounds_may_be_open() -> None:
    """On either side."""
    assert [bounds(1, 9), bounds(0, None), bounds(None, 9), bounds(None, None)] == [
        ", 1 to 9",
        ", at least 0",
        ", at most 9",
        "",
    ]


def test_a_command_is_told_as_it_is_typed() -> None:
    """Hidden commands are left out."""
    app = typer.Typer()

    @app.command()
    def copy(
        source: str, target: Annotated[str, typer.Argument(metavar="[TO]")] = "", *, quick: bool = True
    ) -> None:
        """Copy."""

    @app.command(hidden=True)
    def debug() -> None:
        """Not for people."""

    found = list(commands_of("tool", typer.main.get_command(app)))
    assert [command.path for command in found] == ["tool", "tool copy"]
    lines = list(section(found[1]))
    assert "tool copy [OPTIONS] SOURCE [TO]" in lines
    assert any(line.startswith("| `--quick`, `--no-quick` |  | `--quick` |") for line in lines)
