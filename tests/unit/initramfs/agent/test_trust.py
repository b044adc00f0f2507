"""Only what the appliance's key signed for this contact is believed; the host has a key for each boot."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from initramfs.agent.errors import TrustError
from initramfs.agent.trust import load_key, make_key, open_assignment, public_half, sign
from initramfs.messages import Assignment, Result, Signed, Statement, decode, encode

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OWN = "ab" * 32
ASSIGNMENT = Assignment("challenge", OWN, "rifpc1", "token", None)
STATEMENT = Statement("rifpc1", 7, 1, Result(ok=True))


def answered(assignment: Assignment, key: Ed25519PrivateKey = KEY) -> Signed:
    """As the appliance does it."""
    payload = encode(assignment)
    return Signed.of(payload, key.sign(payload))


def test_the_appliances_answer_is_believed() -> None:
    """The right key, the right challenge."""
    assert open_assignment(answered(ASSIGNMENT), KEY.public_key(), "challenge", OWN) == ASSIGNMENT


def test_another_key_is_not_believed() -> None:
    """Any other server on the wire."""
    stranger = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    with pytest.raises(TrustError, match="not signed by the appliance"):
        open_assignment(answered(ASSIGNMENT, stranger), KEY.public_key(), "challenge", OWN)


def test_an_old_answer_is_not_believed() -> None:
    """A replayed assignment carries another challenge."""
    with pytest.raises(TrustError, match="another contact"):
        open_assignment(answered(ASSIGNMENT), KEY.public_key(), "another", OWN)


def test_a_key_that_was_swapped_on_its_way_is_noticed() -> None:
    """The appliance would believe the other key; so nothing is begun."""
    with pytest.raises(TrustError, match="another key than ours"):
        open_assignment(answered(ASSIGNMENT), KEY.public_key(), "challenge", "cd" * 32)


def test_a_changed_answer_is_not_believed() -> None:
    """One altered byte of the payload."""
    signed = answered(ASSIGNMENT)
    payload, signature = signed.parts()
    with pytest.raises(TrustError, match="not signed"):
        open_assignment(Signed.of(payload + b" ", signature), KEY.public_key(), "challenge", OWN)


def test_garbage_is_not_believed() -> None:
    """Base64 that is none."""
    with pytest.raises(TrustError, match="base64"):
        open_assignment(replace(answered(ASSIGNMENT), payload="%%%"), KEY.public_key(), "challenge", OWN)


@pytest.mark.parametrize("content", [None, b"short"])
def test_an_initramfs_without_a_key_says_so(tmp_path: Path, content: bytes | None) -> None:
    """No key, no trust, and the way to get one."""
    path = tmp_path / "appliance.pub"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrustError):
        load_key(path)


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
