"""How commands print: lines for people, JSON for programs. Tables are :mod:`provisioner.cli.table`'s."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from initramfs.messages.codec import to_plain

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def say(line: str = "") -> None:
    """One plain line."""
    sys.stdout.write(f"{line}\n")


def harmless(text: str) -> str:
    """Without what would steer a terminal, or hide: such characters appear as their escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def remark(found: Iterable[object]) -> None:
    """Warnings, one a line, on standard error."""
    for item in found:
        sys.stderr.write(f"warning: {harmless(str(item))}\n")


def print_json(value: Any) -> None:
    """A value, dataclasses included, as indented JSON."""
    say(json.dumps(to_plain(value), indent=2, default=str))


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Labelled values, those that are empty left out."""
    for label, value in facts:
        if value:
            say(f"{label + ':':<14} {harmless(value)}")
