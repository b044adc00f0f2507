"""Signatures between the appliance and its agents: made for them, and checked of what they state. Pure.

What the agent must be able to believe is signed with the appliance's key. What an agent states at the end
is believed only under the key that the contact of this very attempt told.
"""

from __future__ import annotations

import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from initramfs.messages import Assignment, MessageError, Signed, Statement, decode, encode
from provisioner.base.errors import ProvisionerError

_PUBLIC = re.compile(r"[0-9a-f]{64}")


class UnprovedError(ProvisionerError):
    """A statement is not what the host of this attempt has signed. Nothing of it is used."""


def sign_assignment(assignment: Assignment, key: Ed25519PrivateKey) -> Signed:
    """The assignment's canonical JSON with the appliance's signature over exactly these bytes."""
    payload = encode(assignment)
    return Signed.of(payload, key.sign(payload))


def load_host_key(text: str) -> Ed25519PublicKey:
    """The public half of a host's key, as a contact tells it. Raises MessageError if it is none."""
    if not _PUBLIC.fullmatch(text):
        raise MessageError(f"Contact.host_key: expected 64 hexadecimal digits, found {text!r:.80}")
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))


def read_signed(body: bytes) -> Signed:
    """The envelope of a statement. Raises UnprovedError for anything that is not signed."""
    try:
        return decode(Signed, body)
    except MessageError as error:
        raise UnprovedError(
            f"the result is not signed by its host: {error}", "is the initramfs of another version?"
        ) from error


def open_statement(signed: Signed, host_key: str, *, host: str, job: int, attempt: int) -> Statement:
    """What is stated, if ``host_key`` signed it, and of this attempt. Else raises UnprovedError."""
    try:
        payload, signature = signed.parts()
        load_host_key(host_key).verify(signature, payload)
        statement = decode(Statement, payload)
    except InvalidSignature as error:
        raise UnprovedError(
            f"the result is not signed with the key that {host} told for attempt {attempt} of job {job}",
            "another machine sent it, or it was changed on its way",
        ) from error
    except MessageError as error:
        raise UnprovedError(
            f"the result is not what {host} would sign: {error}", "is the initramfs of another version?"
        ) from error
    if (statement.host, statement.job, statement.attempt) != (host, job, attempt):
        raise UnprovedError(
            f"the result is that of attempt {statement.attempt} of job {statement.job} on {statement.host}, "
            f"not of attempt {attempt} of job {job} on {host}",
            "a listener may be replaying an earlier result",
        )
    return statement
