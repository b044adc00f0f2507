"""The administrator's password."""

from __future__ import annotations

import pytest

from provisioner.security.passwords import hash_password, new_password, password_matches


def test_only_the_password_matches() -> None:
    """What was hashed matches, everything else does not."""
    stored = hash_password("open sesame", b"s" * 16)
    assert password_matches("open sesame", stored + b"\n")
    assert not password_matches("open sesame ", stored)
    assert b"sesame" not in stored


def test_passwords_differ() -> None:
    """There is no default password."""
    assert len({new_password() for _ in range(50)}) == 50


def test_unknown_hash() -> None:
    """A file that is no hash of ours is an error, not a wrong password."""
    with pytest.raises(ValueError, match="unknown kind"):
        password_matches("x", b"md5$00$00")
