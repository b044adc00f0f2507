"""The two keys of a job: the appliance's, which the agent believes, and the host's, which signs the result.

The appliance's key is baked into the initramfs: PXE authenticates nothing, so the first answer from the
network is checked here. The host's key is made at every start and kept in memory alone. Everything on the
wire can be overheard, the token too, but not this key: who has it made the first contact.
``docs/user/security.md`` says what both prove. Pure apart from reading the key file; randomness comes in.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from initramfs.agent.errors import TrustError
from initramfs.messages import Assignment, MessageError, Signed, Statement, decode, encode

KEY_FILE = Path("/etc/clonesys/appliance.pub")
KEY_LENGTH = 32
SEED_LENGTH = 32


def load_key(path: Path = KEY_FILE) -> Ed25519PublicKey:
    """Read the appliance's public key (32 raw bytes, RFC 8032). Raises TrustError if it is not one."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TrustError(
            f"this initramfs carries no key of an appliance: {error}",
            "build it with 'clonesys initramfs build'",
        ) from error
    if len(raw) != KEY_LENGTH:
        raise TrustError(f"{path} holds {len(raw)} bytes, an Ed25519 public key has {KEY_LENGTH}")
    return Ed25519PublicKey.from_public_bytes(raw)


def open_assignment(signed: Signed, key: Ed25519PublicKey, challenge: str, host_key: str) -> Assignment:
    """The assignment inside. Raises TrustError unless ``key`` signed it for this challenge and host key."""
    try:
        payload, signature = signed.parts()
        key.verify(signature, payload)
        assignment = decode(Assignment, payload)
    except InvalidSignature as error:
        raise TrustError(
            "the answer to our contact is not signed by the appliance this initramfs belongs to",
            "another server answered, or the appliance has a new key: run 'clonesys initramfs build' there",
        ) from error
    except MessageError as error:
        raise TrustError(f"the appliance's assignment cannot be read: {error}") from error
    if not hmac.compare_digest(assignment.challenge, challenge):
        raise TrustError(
            "the assignment answers another contact than ours", "an old answer may have been replayed"
        )
    if assignment.host_key != host_key:
        raise TrustError(
            "the appliance has been told another key than ours", "what we send may be changed on its way"
        )
    return assignment


def make_key(random: Callable[[int], bytes]) -> Ed25519PrivateKey:
    """A new key of the host. ``random`` gives so many bytes that cannot be guessed."""
    return Ed25519PrivateKey.from_private_bytes(random(SEED_LENGTH))


def public_half(key: Ed25519PrivateKey) -> str:
    """The public half: 64 hexadecimal digits, as :class:`~initramfs.messages.Contact` has it."""
    # Debian 12's cryptography has no public_bytes_raw yet
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def sign(statement: Statement, key: Ed25519PrivateKey) -> Signed:
    """The statement's canonical JSON with the host's signature over exactly these bytes."""
    payload = encode(statement)
    return Signed.of(payload, key.sign(payload))
