"""Folders of the cache."""

import os
from pathlib import Path

import pytest

from initramfs.builder.build import forget_old, replace


def fill(folder: Path) -> None:
    """A build on a disk that is full."""
    (folder / "file").write_text("half")
    raise OSError("full")


def test_a_folder_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    """A build that fails leaves nothing, and leaves what was there."""
    target = tmp_path / "cache" / "one"
    with replace(target) as new:
        (new / "file").write_text("good")
    with pytest.raises(OSError, match="full"), replace(target) as new:
        fill(new)
    assert (target / "file").read_text() == "good"
    assert list(target.parent.iterdir()) == [target]


def test_only_the_youngest_stay(tmp_path: Path) -> None:
    """And the one in use, however old."""
    for age, name in enumerate(("current", "old", "young")):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (age, age))
    forget_old(tmp_path, 2, tmp_path / "current")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["current", "young"]
