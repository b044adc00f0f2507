"""The host's own key: made at every start, kept in memory alone, used for what the host states at the end.

Pure; randomness comes in. Everything on the wire can be overheard, the token too, but not this
key: who has it made the first contact. ``docs/user/security.md`` says what that proves.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from initramfs.messages import Signed, Statement, encode

SEED_LENGTH = 32


def make_key(random: Callable[[int], bytes]) -> Ed25519PrivateKey:
    """A new key. ``random`` gives so many bytes that nobody can guess."""
    return Ed25519PrivateKey.from_private_bytes(random(SEED_LENGTH))


def public_half(key: Ed25519PrivateKey) -> str:
    """What the others may know: 64 hexadecimal digits, as :class:`~initramfs.messages.Contact` has it."""
    # Debian 12's cryptography has no public_bytes_raw yet
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def sign(statement: Statement, key: Ed25519PrivateKey) -> Signed:
    """The statement's canonical JSON with the host's signature over exactly these bytes."""
    payload = encode(statement)
    return Signed.of(payload, key.sign(payload))
