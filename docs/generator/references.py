"""The pages that are generated: what each begins with, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from docs.generator.commands import commands_of, section
from docs.generator.keys import Key, choice, keys_of
from docs.generator.markdown import code, page, table
from docs.generator.meanings import ACCEPTED, CONFIGURATION, PROFILE
from provisioner.base.config import EXAMPLE, Config
from provisioner.cli import app
from provisioner.profiles.actions import ACTIONS
from provisioner.profiles.model import Profile

FOLDER = Path(__file__).parents[1] / "user" / "reference"
MADE = "<!-- Made by `make docs`. Change the code or docs/generator/meanings.py instead. -->"


def render_profiles() -> str:
    """Every key of a boot profile."""
    return page(
        (
            *(MADE, "", "# Reference: boot profiles", ""),
            "Every key of a profile, which is a TOML file. An unknown key is an error.",
            "[Boot profiles](../profiles.md) explains them by task; `clonesys profile check FILE` says",
            "everything that is wrong with one.",
            "",
            *_tables(Profile, PROFILE, {"action": choice(ACTIONS)}),
        )
    )


def render_configuration() -> str:
    """Every key of the configuration, and the file with all defaults."""
    return page(
        (
            *(MADE, "", "# Reference: configuration", ""),
            "Every key of `clonesys.toml` in the appliance's home directory. All are optional; an unknown",
            "key is an error. Restart `clonesys serve` after a change.",
            "",
            *_tables(Config, CONFIGURATION, {}),
            *("## The file that `clonesys init` writes", "", "```toml", EXAMPLE.rstrip("\n"), "```"),
        )
    )


def render_commands() -> str:
    """Every command with what it takes."""
    lines = (
        *(MADE, "", "# Reference: command line", ""),
        "Every command, argument and option. [The command line](../command-line.md) says what they have in",
        "common. `--help` after any command shows the same on the terminal.",
        "",
    )
    found = commands_of("clonesys", typer.main.get_command(app))
    return page((*lines, *(line for command in found for line in section(command))))


REFERENCES: Mapping[str, Callable[[], str]] = {
    "profiles.md": render_profiles,
    "configuration.md": render_configuration,
    "command-line.md": render_commands,
}
"""What renders each page, by its name in ``FOLDER``."""


def _tables(shape: Any, meanings: Mapping[str, str], kinds: Mapping[str, str]) -> Iterator[str]:
    """The keys outside of any table first, as in a TOML file, then each table.

    ``kinds`` says of some keys what they are, where the model leaves that to a table of the product.
    """
    keys = [replace(key, kind=kinds.get(key.path, key.kind)) for key in keys_of(shape, ACCEPTED)]
    yield from _rows("", keys, meanings)
    for found in (key for key in keys if key.is_table):
        yield from (f"## [{found.path}]", "", meanings[found.path], "")
        yield from _rows(found.path, keys, meanings)


def _rows(above: str, keys: list[Key], meanings: Mapping[str, str]) -> Iterator[str]:
    inside = [key for key in keys if not key.is_table and key.path.rpartition(".")[0] == above]
    rows = [(code(key.path.rpartition(".")[2]), key.kind, key.default, meanings[key.path]) for key in inside]
    yield from table(("key", "type", "default", "meaning"), rows)
