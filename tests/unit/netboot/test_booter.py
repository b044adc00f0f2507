"""The booter of the services when they run alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netboot.booter import StaticBooter
from netboot.model import Kernel, LocalDisk
from tests.clients.packets import HERE, client

if TYPE_CHECKING:
    from pathlib import Path


def test_every_machine_boots_the_same() -> None:
    """A kernel if one was given, else the local disk."""
    kernel = Kernel("vmlinuz", (), ())
    assert StaticBooter(()).decide(client(), HERE) == LocalDisk()
    assert StaticBooter((), kernel).decide(client(), HERE) == kernel


def test_files_are_found_in_order(tmp_path: Path) -> None:
    """Named files first, then the roots, one after the other; nothing outside of them."""
    first, second, outside = (tmp_path / name for name in ("first", "second", "outside"))
    for folder in (first, second, outside):
        folder.mkdir()
        (folder / f"in-{folder.name}").touch()
    (first / "both").touch()
    (second / "both").touch()
    (first / "leaving").symlink_to(outside / "in-outside")
    booter = StaticBooter((first, second), named={"vmlinuz": outside / "in-outside"})
    assert booter.locate("both") == first / "both"
    assert booter.locate("in-second") == second / "in-second"
    assert booter.locate("vmlinuz") == outside / "in-outside"
    assert booter.locate("leaving") is None
    assert booter.locate("../outside/in-outside") is None
    assert booter.locate("nothing") is None
    assert booter.locate(".") is None
