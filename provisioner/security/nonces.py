"""Boot nonces: what ties the agent that calls us to the boot script that we answered.

Pure. A nonce is ``base64url(mac | random | times | HMAC-SHA256)`` without padding. It tells its time by both
clocks (``base.clock``), so that setting the appliance's clock makes no nonce old.
Making one changes nothing, so the booter may be asked any number of times; using
one is recorded in ``tokens``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass

from provisioner.base.clock import Moment
from provisioner.base.errors import ProvisionerError

MAX_AGE = 15 * 60.0
"""Seconds from boot script to contact: a slow TFTP-only ROM and a slow POST fit in easily."""
CLOCK_SLACK = 60.0
"""Seconds a nonce may lie in the future: the appliance was started anew meanwhile, and its clock set back."""
RANDOM_LENGTH = 16

_FIELDS = struct.Struct(">6s16sQQ16s")
_MAC_LENGTH = hashlib.sha256().digest_size


class NonceError(ProvisionerError):
    """Not a nonce of ours, or one too old. The message is the reason."""


class ForeignNonceError(NonceError):
    """A nonce of ours, but made for another machine."""


@dataclass(frozen=True, slots=True)
class Nonce:
    """What a nonce of ours says. ``random`` identifies it."""

    mac: str
    random: bytes
    at: Moment


def mint(key: bytes, mac: str, now: Moment, random: bytes) -> str:
    """Make a nonce for ``mac`` at ``now`` from 16 random bytes. ASCII."""
    if len(random) != RANDOM_LENGTH:
        raise ValueError(f"a nonce needs {RANDOM_LENGTH} random bytes, not {len(random)}")
    times = (max(0, int(now.wall)), int(now.steady), now.boot)
    fields = _FIELDS.pack(bytes.fromhex(mac.replace(":", "")), random, *times)
    return base64.urlsafe_b64encode(fields + _seal(key, fields)).rstrip(b"=").decode()


def verify(key: bytes, nonce: str, now: Moment, *, mac: str | None = None, max_age: float = MAX_AGE) -> Nonce:
    """What ``nonce`` says, if ``key`` made it for ``mac`` within ``max_age`` seconds.

    Raises NonceError with the reason, ForeignNonceError if it is another machine's.
    """
    found = unseal(key, nonce)
    check_age(found, now, max_age)
    check_machine(found, mac)
    return found


def check_age(found: Nonce, now: Moment, max_age: float = MAX_AGE) -> None:
    """Raises NonceError if a nonce was made too long ago, or in the future."""
    age = now.since(found.at)
    if age > max_age:
        raise NonceError(
            f"the nonce is {age:.0f} s old, at most {max_age:.0f} s are allowed", "boot the machine again"
        )
    if age < -CLOCK_SLACK:
        raise NonceError(
            f"the nonce is from the future, by {-age:.0f} s", "check the appliance's clock, boot again"
        )


def check_machine(found: Nonce, mac: str | None) -> None:
    """Raises ForeignNonceError unless a nonce was made for this machine; None is any."""
    if mac is not None and mac != found.mac:
        raise ForeignNonceError(f"the nonce was made for {found.mac}, not for {mac}")


def unseal(key: bytes, nonce: str) -> Nonce:
    """What ``nonce`` says, however old it is. Raises NonceError if ``key`` did not make it."""
    try:
        raw = base64.b64decode(nonce + "=" * (-len(nonce) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise NonceError("the nonce is not base64url") from error
    if len(raw) != _FIELDS.size + _MAC_LENGTH:
        raise NonceError(f"the nonce has {len(raw)} bytes, not {_FIELDS.size + _MAC_LENGTH}")
    fields, seal = raw[: _FIELDS.size], raw[_FIELDS.size :]
    if not hmac.compare_digest(seal, _seal(key, fields)):
        raise NonceError("the nonce is forged: this appliance did not make it")
    mac, random, wall, steady, boot = _FIELDS.unpack(fields)
    return Nonce(mac.hex(":"), random, Moment(float(wall), float(steady), boot if any(boot) else b""))


def _seal(key: bytes, fields: bytes) -> bytes:
    return hmac.new(key, b"clonesys boot nonce" + fields, hashlib.sha256).digest()
