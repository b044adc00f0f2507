"""What a host states is believed under the key of its attempt, of that attempt, and as it was signed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initramfs.agent.trust import make_key, public_half, sign
from initramfs.messages import ImageRef, MessageError, Receipt, Result, Signed, Statement, encode
from provisioner.security.signatures import UnprovedError, load_host_key, open_statement, read_signed

KEY = make_key(lambda length: b"k" * length)
OTHER = make_key(lambda length: b"o" * length)
RECEIPT = Receipt(
    "sda", "D1", "w1", (ImageRef("sda5_Debian", 1, b"\xdd" * 32),), 3, 3, 100, 200, {"write": 1.5}
)
STATEMENT = Statement("pc1", 7, 2, Result(ok=True, receipt=RECEIPT))
ABOUT: dict[str, Any] = {"host": "pc1", "job": 7, "attempt": 2}


def test_the_hosts_own_word_is_believed() -> None:
    """The right key, of the right attempt."""
    assert open_statement(sign(STATEMENT, KEY), public_half(KEY), **ABOUT) == STATEMENT


@given(st.integers(min_value=0), st.integers(1, 255))
def test_any_changed_byte_is_noticed(place: int, change: int) -> None:
    """In what is stated and in the signature."""
    payload, signature = sign(STATEMENT, KEY).parts()
    whole = bytearray(payload + signature)
    whole[place % len(whole)] ^= change
    changed = Signed.of(bytes(whole[: len(payload)]), bytes(whole[len(payload) :]))
    with pytest.raises(UnprovedError, match="not signed with the key"):
        open_statement(changed, public_half(KEY), **ABOUT)


def test_another_key_is_not_believed() -> None:
    """Nor none at all: the contact of an earlier version told none."""
    for key in (public_half(OTHER), ""):
        with pytest.raises(UnprovedError):
            open_statement(sign(STATEMENT, KEY), key, **ABOUT)


@pytest.mark.parametrize("other", [{"host": "pc2"}, {"job": 8}, {"attempt": 1}], ids=str)
def test_a_statement_of_something_else_is_not_believed(other: dict[str, Any]) -> None:
    """Though the key has signed it."""
    with pytest.raises(UnprovedError, match="not of attempt 2 of job 7 on pc1"):
        open_statement(sign(replace(STATEMENT, **other), KEY), public_half(KEY), **ABOUT)


@pytest.mark.parametrize("body", [b"", b"[]", encode(STATEMENT.result), encode(STATEMENT)], ids=len)
def test_what_is_not_signed_says_so(body: bytes) -> None:
    """As an earlier version sent it, and anything else."""
    with pytest.raises(UnprovedError, match="not signed by its host"):
        read_signed(body)


def test_what_is_signed_must_be_a_statement() -> None:
    """Signed or not, garbage stays garbage; and base64 that is none."""
    payload = encode(STATEMENT.result)
    for signed in (Signed.of(payload, KEY.sign(payload)), Signed("%%%", "")):
        with pytest.raises(UnprovedError, match="not what pc1 would sign"):
            open_statement(signed, public_half(KEY), **ABOUT)


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n"], ids=repr)
def test_a_key_has_one_form(text: str) -> None:
    """It is compared as text."""
    with pytest.raises(MessageError, match="host_key"):
        load_host_key(text)
