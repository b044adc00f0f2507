"""The envelopes: contact and assignment, signed messages, what a backup asks, the phone-home."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Annotated, Final

from initramfs.messages.codec import MessageError, Most
from initramfs.messages.job import Job
from initramfs.messages.machine import Inventory, Words

PROTOCOL = 3
"""Raised whenever agent or appliance could not read what the other says, if that had another number."""


NONCE_SCHEME: Final = "Nonce"
"""``Authorization: Nonce …`` names a contact's nonce before its body: what has none is not even read."""
MAX_DIGESTS: Final = 4096
"""Chunks that are asked about at once."""


@dataclass(frozen=True, slots=True)
class Contact:
    """The agent's first word. ``challenge`` is random and comes back signed: no answer can be replayed.

    ``nonce`` is the one of the request's header. ``host_key`` is the public half of the host's Ed25519 key
    for this boot: 64 hexadecimal digits. ``protocol`` is :data:`PROTOCOL`; agents of before there was one do
    not tell it.
    """

    nonce: Words
    challenge: Words
    agent_version: Words
    mac: Words
    inventory: Inventory
    host_key: Words
    protocol: int = 1


@dataclass(frozen=True, slots=True)
class Assignment:
    """The appliance's answer to a contact. Without a job the agent reboots into the local disk.

    ``host_key`` repeats the contact's, so the agent sees if it was changed on its way. ``attempt`` counts how
    often the job was given out, from 1. ``now`` is the appliance's time of day, in which the agent dates its
    reports: its own clock may say 1970. None: it is not told.
    """

    challenge: str
    host_key: str
    host: str
    token: str
    job: Job | None
    attempt: int = 0
    now: float | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """Ed25519 over the JSON bytes in ``payload``; both fields are base64. The exchange says whose key."""

    payload: str
    signature: str

    def parts(self) -> tuple[bytes, bytes]:
        """``(payload, signature)`` as bytes. Raises MessageError if either is not base64."""
        try:
            return base64.b64decode(self.payload, validate=True), base64.b64decode(
                self.signature, validate=True
            )
        except ValueError as error:
            raise MessageError(f"signed message is not base64: {error}") from error

    @classmethod
    def of(cls, payload: bytes, signature: bytes) -> Signed:
        """Wrap what was signed."""
        return cls(base64.b64encode(payload).decode(), base64.b64encode(signature).decode())


@dataclass(frozen=True, slots=True)
class Digests:
    """Chunks by their names, 32 bytes each."""

    digests: Annotated[tuple[bytes, ...], Most(MAX_DIGESTS)]


@dataclass(frozen=True, slots=True)
class PhoneHome:
    """``POST /api/v1/phone-home``: the installed system says that it is up, under which name."""

    token: Words
    hostname: Words
