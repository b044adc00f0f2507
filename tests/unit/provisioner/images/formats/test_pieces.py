"""Split files: which pieces belong together, and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.images.formats.pieces import in_order, number_of, of_file
from provisioner.stores.errors import StoreError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Some files."""
    for name in (
        "a.img.000",
        "a.img.001",
        "a.img.002",
        "b.gz.aa",
        "b.gz.ab",
        "disk.img",
        "disk.raw",
        "disk.gz",
    ):
        (tmp_path / name).touch()
    return tmp_path


def test_letters_and_digits_count() -> None:
    """As split(1) writes them."""
    assert [number_of(suffix) for suffix in (".aa", ".az", ".ba", ".aaa", ".000", ".017")] == [
        0,
        25,
        26,
        0,
        0,
        17,
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.img.000", ["a.img.000", "a.img.001", "a.img.002"]),
        ("b.gz.aa", ["b.gz.aa", "b.gz.ab"]),
        ("disk.img", ["disk.img"]),
        ("disk.gz", ["disk.gz"]),
    ],
)
def test_the_first_piece_stands_for_all(folder: Path, name: str, expected: list[str]) -> None:
    """And a file that only ends with three letters for itself."""
    assert [path.name for path in of_file(folder / name)] == expected


@pytest.mark.parametrize("name", ["a.img.001", "b.gz.ab"])
def test_a_later_piece_is_refused(folder: Path, name: str) -> None:
    """Also when it is the only one that is left."""
    with pytest.raises(StoreError, match="not its first"):
        of_file(folder / name)
    for other in folder.glob("*.*.*"):
        if other.name != name:
            other.unlink()
    with pytest.raises(StoreError, match="not its first"):
        of_file(folder / name)


@pytest.mark.parametrize(("lost", "which"), [("a.img.000", "first"), ("a.img.001", "second")])
def test_a_missing_piece_is_named(folder: Path, lost: str, which: str) -> None:
    """By its place."""
    (folder / lost).unlink()
    with pytest.raises(StoreError, match=f"is missing: the {which}"):
        in_order("a.img", folder.glob("a.img.*"))


def test_the_name_of_all_pieces_leads_to_the_first(folder: Path) -> None:
    """FOG's ``d1p1.img`` may be ``d1p1.img.000``."""
    with pytest.raises(StoreError, match="there is no") as caught:
        of_file(folder / "a.img")
    assert "a.img.000" in caught.value.hint
