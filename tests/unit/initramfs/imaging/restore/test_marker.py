"""What is left on a disk that is not complete."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initramfs.imaging.restore.boot_critical import MARKER_SIZE, decode_marker, encode_marker


@given(reason=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_reason_comes_back(reason: str) -> None:
    """As much of it as there is room for, never half a letter; and no firmware boots it."""
    sector = encode_marker(reason)
    assert len(sector) == MARKER_SIZE
    assert sector[510:] != b"\x55\xaa"
    found = decode_marker(sector)
    assert reason.startswith(found)
    assert found == reason or len(found.encode()) > 480


@pytest.mark.parametrize("sector", [b"", bytes(512), b"CLONESYS STOPPED", b"\xeb\x63\x90".ljust(512, b"x")])
def test_other_sectors_say_nothing(sector: bytes) -> None:
    """Short ones, empty ones, boot code."""
    assert decode_marker(sector) == ""


@given(at=st.integers(0, 509), bit=st.integers(0, 7))
def test_a_changed_marker_is_none(at: int, bit: int) -> None:
    """It is believed only as it was written."""
    sector = bytearray(encode_marker("the server is gone"))
    sector[at] ^= 1 << bit
    assert decode_marker(bytes(sector)) == ""
