"""Letting a manifest appear whole, as the next generation, and never over another."""

from __future__ import annotations

import hashlib
from pathlib import Path

from provisioner.stores.directory.places import REMOVED, Places
from provisioner.stores.files import failing, sync_folder, write_new
from provisioner.stores.names import GENERATION, Reference, check_name
from provisioner.stores.protocols import Sign

CLAIMED = ".new"


def publish(places: Places, name: str, sign: Sign) -> Reference:
    """Let a manifest appear as the next generation. Its chunks must be durable already. Raises StoreError."""
    folder = places.manifests / check_name(name)
    with failing(f"add a generation of {name}", folder):
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
        while True:
            generation = 1 + max(map(number_of, folder.glob("*")), default=0)
            data = sign(generation)
            if _appear(folder / str(generation), data):
                return Reference(name, generation, hashlib.sha256(data).digest())


def number_of(path: Path) -> int:
    """The generation that this file is, was, or will be; 0 for what people leave in a store."""
    text = path.name.removesuffix(REMOVED).removesuffix(CLAIMED)
    return int(text) if GENERATION.fullmatch(text) else 0


def _appear(path: Path, data: bytes) -> bool:
    """Write a file at once; False if another capture was faster.

    The name beside it is the claim: who has made it alone may look whether ``path`` is
    free. (A hard link would do it in one step, but not every mounted server has those.)
    """
    claim = path.with_name(path.name + CLAIMED)
    try:
        write_new(claim, data, durable=True)
    except FileExistsError:
        return False
    if path.exists():
        claim.unlink()
        return False
    claim.rename(path)
    sync_folder(path.parent)
    return True
