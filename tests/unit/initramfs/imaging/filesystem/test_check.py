"""The programs that change and check file systems are in the initramfs."""

from __future__ import annotations

import tomllib
from pathlib import Path

import initramfs.builder
from initramfs.imaging.filesystem.check import CHECKS, LESS_MEMORY, MENDS, MILDER
from initramfs.imaging.filesystem.limits import GROWABLE, GROWING, RENAMABLE, SHRINKABLE


def test_every_program_is_in_the_initramfs() -> None:
    """What is missing there is found out when everything has been written."""
    image = tomllib.loads(Path(initramfs.builder.__path__[0], "image.toml").read_text())
    commands = [*CHECKS.values(), *MENDS.values(), *MILDER.values(), *LESS_MEMORY.values(), *GROWING.values()]
    first = {command[0] for command in commands} | {tool for tools in GROWING.values() for tool in tools}
    assert first <= set(image["programs"])


def test_whatever_is_changed_can_be_checked() -> None:
    """By blkid's names."""
    assert set(CHECKS) >= GROWABLE | SHRINKABLE | RENAMABLE
    assert set(GROWING) == GROWABLE
