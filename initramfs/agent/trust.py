"""Who the agent believes: only what the appliance's key, baked into the initramfs, has signed.

Pure apart from reading the key file. PXE authenticates nothing, so the first
answer from the network is checked here; ``docs/user/security.md`` says what that covers.
"""

from __future__ import annotations

import hmac
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from initramfs.agent.errors import TrustError
from initramfs.messages import Assignment, MessageError, Signed, decode

KEY_FILE = Path("/etc/clonesys/appliance.pub")
KEY_LENGTH = 32


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
            "the assignment answers another contact than ours", "somebody may be replaying an old answer"
        )
    if assignment.host_key != host_key:
        raise TrustError(
            "the appliance has been told another key than ours", "somebody may be changing what we send"
        )
    return assignment
