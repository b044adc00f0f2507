"""The host's key of one boot: as random as what it is made of, and told by half."""

from __future__ import annotations

import os

from initramfs.agent.trust import make_key, public_half, sign
from initramfs.messages import Result, Statement, decode, encode

STATEMENT = Statement("rifpc1", 7, 1, Result(ok=True))


def test_the_public_half_is_that_of_the_standard() -> None:
    """RFC 8032, 7.1, the first test."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = make_key(lambda length: seed[:length])
    assert public_half(key) == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def test_every_boot_has_its_own() -> None:
    """Nothing of the machine goes into it."""
    assert public_half(make_key(os.urandom)) != public_half(make_key(os.urandom))


def test_what_is_signed_is_what_was_stated() -> None:
    """Byte by byte, and the same again if it has to be sent again."""
    key = make_key(lambda length: b"k" * length)
    signed = sign(STATEMENT, key)
    payload, signature = signed.parts()
    key.public_key().verify(signature, payload)
    assert payload == encode(STATEMENT)
    assert decode(Statement, payload) == STATEMENT
    assert sign(STATEMENT, key) == signed
