"""docs/user/never-wrong.md names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
PAGE = TESTS.parent / "docs" / "user" / "never-wrong.md"
NAMED = re.compile(r"`((?:unit|wire|storage|faults|e2e)/[\w/]*(?:\.py)?)(?:::(\w+))?`")


def test_every_test_that_is_named_is_there() -> None:
    """A file or folder, and in it the function."""
    named = NAMED.findall(PAGE.read_text())
    assert len(named) > 20
    for place, function in named:
        assert (TESTS / place).exists(), place
        assert not function or f"def {function}(" in (TESTS / place).read_text(), function
