"""The table of loaders: what is not there is refused by name."""

from __future__ import annotations

import pytest

from netboot.loaders import TABLE, loader_for
from netboot.model import Architecture, Ignore


def test_every_architecture_has_its_row() -> None:
    """A new one cannot be forgotten."""
    assert set(TABLE) == set(Architecture)


@pytest.mark.parametrize("architecture", Architecture)
def test_what_is_missing_is_refused_by_name(architecture: Architecture) -> None:
    """In both columns; no file is signed yet."""
    plain = loader_for(architecture)
    assert plain in {
        "undionly.kpxe",
        "snponly.efi",
        Ignore(f"there is no loader for {architecture} firmware"),
    }
    signed = loader_for(architecture, secure_boot=True)
    assert signed == Ignore(f"there is no signed loader for {architecture} firmware")
