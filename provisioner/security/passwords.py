"""The administrator's password: made at random by ``init``, shown once, kept as a scrypt hash.

There is no default password, and a lost one cannot be read back: ``clonesys user password``
makes a new one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

COST = {"n": 2**14, "r": 8, "p": 1}
"""16 MiB and some 50 ms: RFC 7914's interactive setting."""
SALT_LENGTH = 16


def new_password() -> str:
    """A random password of 96 bits that can be read out on the telephone."""
    raw = base64.b32encode(secrets.token_bytes(15)).decode().lower()[:20]
    return "-".join(raw[i : i + 5] for i in range(0, 20, 5))


def hash_password(password: str, salt: bytes) -> bytes:
    """``scrypt$<salt>$<hash>``, both in hex. ``salt`` is 16 random bytes."""
    derived = hashlib.scrypt(password.encode(), salt=salt, **COST)
    return f"scrypt${salt.hex()}${derived.hex()}".encode()


def password_matches(password: str, stored: bytes) -> bool:
    """Whether ``stored`` was made from ``password``. Raises ValueError if it is none of our hashes."""
    kind, salt, _derived = stored.decode().strip().split("$")
    if kind != "scrypt":
        raise ValueError(f"unknown kind of password hash: {kind!r}")
    return hmac.compare_digest(hash_password(password, bytes.fromhex(salt)), stored.strip())
