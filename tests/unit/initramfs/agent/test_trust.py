"""Only what the appliance's key signed for this very contact is believed."""

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from initramfs.agent.errors import TrustError
from initramfs.agent.trust import load_key, open_assignment
from initramfs.messages import Assignment, Signed, encode

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OWN = "ab" * 32
ASSIGNMENT = Assignment("challenge", OWN, "rifpc1", "token", None)


def sign(assignment: Assignment, key: Ed25519PrivateKey = KEY) -> Signed:
    """As the appliance does it."""
    payload = encode(assignment)
    return Signed.of(payload, key.sign(payload))


def test_the_appliances_answer_is_believed() -> None:
    """The right key, the right challenge."""
    assert open_assignment(sign(ASSIGNMENT), KEY.public_key(), "challenge", OWN) == ASSIGNMENT


def test_another_key_is_not_believed() -> None:
    """Any other server on the wire."""
    stranger = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    with pytest.raises(TrustError, match="not signed by the appliance"):
        open_assignment(sign(ASSIGNMENT, stranger), KEY.public_key(), "challenge", OWN)


def test_an_old_answer_is_not_believed() -> None:
    """A replayed assignment carries another challenge."""
    with pytest.raises(TrustError, match="another contact"):
        open_assignment(sign(ASSIGNMENT), KEY.public_key(), "another", OWN)


def test_a_key_that_was_swapped_on_its_way_is_noticed() -> None:
    """The appliance would believe whoever swapped it; so nothing is begun."""
    with pytest.raises(TrustError, match="another key than ours"):
        open_assignment(sign(ASSIGNMENT), KEY.public_key(), "challenge", "cd" * 32)


def test_a_changed_answer_is_not_believed() -> None:
    """One altered byte of the payload."""
    signed = sign(ASSIGNMENT)
    payload, signature = signed.parts()
    with pytest.raises(TrustError, match="not signed"):
        open_assignment(Signed.of(payload + b" ", signature), KEY.public_key(), "challenge", OWN)


def test_garbage_is_not_believed() -> None:
    """Base64 that is none."""
    with pytest.raises(TrustError, match="base64"):
        open_assignment(replace(sign(ASSIGNMENT), payload="%%%"), KEY.public_key(), "challenge", OWN)


@pytest.mark.parametrize("content", [None, b"short"])
def test_an_initramfs_without_a_key_says_so(tmp_path: Path, content: bytes | None) -> None:
    """No key, no trust, and the way to get one."""
    path = tmp_path / "appliance.pub"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrustError):
        load_key(path)
