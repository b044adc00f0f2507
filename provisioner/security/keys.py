"""The appliance's keys: made once by ``init``, read to sign and to check.

``keys/appliance.key`` and ``.pub`` are the 32 raw bytes of an Ed25519 key pair
(RFC 8032); the public half goes into the initramfs. ``keys/nonce.key`` is the
32-byte HMAC key of boot nonces. Losing them means building the initramfs anew
and signing every manifest again, so nothing here ever overwrites a key.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from provisioner.base import access, durable
from provisioner.base.errors import ProvisionerError
from provisioner.base.home import Home
from provisioner.base.ownership import make_folder

if TYPE_CHECKING:
    from pathlib import Path

KEY_LENGTH = 32
PRIVATE = "appliance.key"
PUBLIC = "appliance.pub"
NONCE = "nonce.key"


def create_keys(home: Path) -> None:
    """Make what is missing of the keys under ``home``. Existing keys are kept."""
    folder = Home(home).keys
    make_folder(folder, 0o700)
    if not (folder / PRIVATE).exists():
        write_secret(folder / PRIVATE, Ed25519PrivateKey.generate().private_bytes_raw())
    if not (folder / PUBLIC).exists():
        write_secret(folder / PUBLIC, load_private_key(home).public_key().public_bytes_raw())
    if not (folder / NONCE).exists():
        write_secret(folder / NONCE, secrets.token_bytes(KEY_LENGTH))


def write_secret(path: Path, data: bytes) -> None:
    """Write a new file only its owner can read. Raises FileExistsError rather than replace one."""
    durable.create(path, data, 0o600)


def load_private_key(home: Path) -> Ed25519PrivateKey:
    """The key that signs manifests and assignments. Raises ProvisionerError if ``home`` has none."""
    return Ed25519PrivateKey.from_private_bytes(_read(Home(home).keys / PRIVATE))


def load_public_key(home: Path) -> Ed25519PublicKey:
    """The key that checks signatures. Raises ProvisionerError if ``home`` has none."""
    return Ed25519PublicKey.from_public_bytes(_read(Home(home).keys / PUBLIC))


def load_nonce_key(home: Path) -> bytes:
    """The HMAC key of boot nonces. Raises ProvisionerError if ``home`` has none."""
    return _read(Home(home).keys / NONCE)


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ProvisionerError(
            f"this appliance has no {path.name}: {path} does not exist",
            "make an appliance with 'clonesys --home DIR init', or name the right --home",
        ) from error
    except OSError as error:
        raise access.in_words(error, path) from error
    if len(data) != KEY_LENGTH:
        raise ProvisionerError(
            f"{path} holds {len(data)} bytes, a key has {KEY_LENGTH}", "restore it from a backup of keys/"
        )
    return data
