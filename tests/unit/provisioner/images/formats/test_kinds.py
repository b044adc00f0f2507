"""The names of what is known and not read."""

from __future__ import annotations

import pytest

from provisioner.images.formats.kinds import FOREIGN, HEAD, Foreign, foreign


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: f"{kind.name}-{kind.magic[:4]!r}")
def test_each_is_found_by_its_magic(kind: Foreign) -> None:
    """At its place, and with what to do about it."""
    found = foreign(bytes(kind.at) + kind.magic + bytes(100))
    assert found is not None
    assert (found.magic, bool(found.hint)) == (kind.magic, True)
    assert kind.at + len(kind.magic) <= HEAD


def test_an_ecryptfs_file_is_known_by_its_marker() -> None:
    """Two numbers that belong together; zeros do not."""
    number = 0x12345678
    head = bytes(8) + number.to_bytes(4, "big") + (number ^ 0x3C81B7F5).to_bytes(4, "big")
    found = foreign(head)
    assert found is not None
    assert "eCryptfs" in found.name
    assert foreign(bytes(16)) is None
    assert foreign(b"") is None
