"""Signing what the agent must be able to believe. Pure."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from initramfs.agent.wire import Assignment, Signed, encode


def sign_assignment(assignment: Assignment, key: Ed25519PrivateKey) -> Signed:
    """The assignment's canonical JSON with the appliance's signature over exactly these bytes."""
    payload = encode(assignment)
    return Signed.of(payload, key.sign(payload))
