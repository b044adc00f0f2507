"""SSH host keys of a clone: its own. With the golden machine's, every clone could pose as all others.

They are made by the agent and not by the installed system. Debian's openssh-server makes keys when it is
installed and never at a start, so a clone without keys would have no SSH at all; a unit of ours for the first
start would need systemd. Here every clone has them before it starts, whatever it is made of, and their
fingerprints stand in the job's log. The kernel gives random numbers only when it has enough of them
(getrandom(2)); private keys leave this machine's memory only for its own disk.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ecdsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from initramfs.agent.steps.put_file import is_own_file, replace_file

if TYPE_CHECKING:  # Debian 12's version does not have it
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

FOLDER = "etc/ssh"
SERVERS = ("usr/sbin/sshd", "sbin/sshd", "usr/bin/sshd")

MAKERS: Mapping[str, Callable[[], PrivateKeyTypes]] = {
    "ecdsa": lambda: generate_ecdsa(SECP256R1()),
    "ed25519": Ed25519PrivateKey.generate,
    "rsa": lambda: generate_rsa(public_exponent=65537, key_size=3072),
}
"""As ``ssh-keygen -A`` makes them. DSA is no more: OpenSSH 10 does not read it."""

NAME = re.compile(r"ssh_host_([a-z0-9]+)_key(\.pub|-cert\.pub)?|ssh_host_key(\.pub)?")
HOST_KEY = re.compile(r"^\s*HostKey[\s=]+\"?(/[^\s\"]+)", re.IGNORECASE | re.MULTILINE)


def renew(root: Path, hostname: str) -> Iterator[str]:
    """Give the SSH server of ``root`` keys of its own, of the kinds that it had; yields what was done.

    A server without a key that is good today gets all kinds. Raises StepError and OSError.
    """
    folder = root / FOLDER
    if not folder.resolve().is_relative_to(root.resolve()) or not folder.is_dir():
        return
    had = [path for path in sorted(folder.iterdir()) if NAME.fullmatch(path.name)]
    kinds = {match[1] for path in had if (match := NAME.fullmatch(path.name)) and not match[2]} & set(MAKERS)
    if not kinds and any((root / server).is_file() for server in SERVERS):
        kinds = set(MAKERS)
    for kind in sorted(kinds):
        yield _make(folder, kind, hostname)
    for path in had:
        if path.name not in _names(kinds):
            path.unlink()
            yield f"{path.name} of the image is removed: all of its clones would share it"
    yield from _elsewhere(root)


def _names(kinds: set[str]) -> set[str]:
    return {f"ssh_host_{kind}_key{suffix}" for kind in kinds for suffix in ("", ".pub")}


def _make(folder: Path, kind: str, hostname: str) -> str:
    """Write both halves; the fingerprint as ``ssh-keygen -l`` tells it."""
    key = MAKERS[kind]()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    path = folder / f"ssh_host_{kind}_key"
    replace_file(path, private, 0o600)
    replace_file(path.with_name(f"{path.name}.pub"), public + f" root@{hostname}\n".encode(), 0o644)
    digest = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    return f"new SSH host key, {kind}: SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _elsewhere(root: Path) -> Iterator[str]:
    """Keys in other places are not found by their names, and may be anything: they are only told."""
    folder = root / FOLDER
    for path in (folder / "sshd_config", *sorted(folder.glob("sshd_config.d/*.conf"))):
        if is_own_file(path) and path.resolve().is_relative_to(root.resolve()):
            for name in HOST_KEY.findall(path.read_text(errors="replace")):
                if Path(name).parent != Path("/", FOLDER):
                    yield f"the SSH host key {name} is the image's: all of its clones share it"
