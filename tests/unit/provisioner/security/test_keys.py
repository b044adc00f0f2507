"""Keys: made once, private, and never replaced."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from provisioner.base.errors import ProvisionerError
from provisioner.security.keys import create_keys, load_nonce_key, load_private_key, load_public_key


def test_pair_belongs_together(tmp_path: Path) -> None:
    """What the private key signs, the public one verifies; it is 32 raw bytes for the initramfs."""
    create_keys(tmp_path)
    load_public_key(tmp_path).verify(load_private_key(tmp_path).sign(b"x"), b"x")
    assert len((tmp_path / "keys" / "appliance.pub").read_bytes()) == 32


def test_only_the_owner_reads(tmp_path: Path) -> None:
    """Keys and their folder are closed to everybody else."""
    create_keys(tmp_path)
    for path in (tmp_path / "keys", *(tmp_path / "keys").iterdir()):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077


def test_keys_are_never_replaced(tmp_path: Path) -> None:
    """Making an appliance again keeps its keys."""
    create_keys(tmp_path)
    before = load_nonce_key(tmp_path), load_private_key(tmp_path).private_bytes_raw()
    create_keys(tmp_path)
    assert (load_nonce_key(tmp_path), load_private_key(tmp_path).private_bytes_raw()) == before


def test_missing_and_damaged_keys(tmp_path: Path) -> None:
    """Both are errors that say which file and what to do."""
    with pytest.raises(ProvisionerError, match=r"appliance\.key") as missing:
        load_private_key(tmp_path)
    assert "init" in missing.value.hint
    create_keys(tmp_path)
    (tmp_path / "keys" / "nonce.key").write_bytes(b"short")
    with pytest.raises(ProvisionerError, match="5 bytes"):
        load_nonce_key(tmp_path)
