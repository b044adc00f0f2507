"""What depends only on its recipe is made once, and never half."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import cache


@pytest.fixture(autouse=True)
def own_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own."""
    monkeypatch.setattr(cache, "BUILD", tmp_path / "build")


def test_the_same_recipe_is_made_once(tmp_path: Path) -> None:
    """A file in the recipe counts by its content."""
    made: list[str] = []
    (tmp_path / "input").write_text("one")

    def make(target: Path) -> None:
        made.append("made")
        target.write_text("thing")

    first = cache.cached("thing", ("recipe", tmp_path / "input"), make)
    assert cache.cached("thing", ("recipe", tmp_path / "input"), make) == first
    (tmp_path / "input").write_text("two")
    assert cache.cached("thing", ("recipe", tmp_path / "input"), make) != first
    assert made == ["made", "made"]


def test_a_maker_that_fails_leaves_nothing() -> None:
    """The next one starts anew."""

    def fail(target: Path) -> None:
        target.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cache.cached("thing", ("recipe",), fail)
    assert cache.cached("thing", ("recipe",), Path.touch).read_text() == ""
