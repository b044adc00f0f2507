"""What the product asks of an appliance's images: which one a name means, and a manifest by its digest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

from initramfs.messages import ImageRef
from provisioner.stores.open import store_of
from provisioner.stores.protocols import ApplianceStore


def manifest(home: Path, digest: bytes) -> bytes | None:
    """The bytes of the manifest with this digest, or None."""
    store = _store(home)
    found = store.find(digest)
    return store.manifest(found) if found else None


def resolver(home: Path) -> Callable[[str], ImageRef]:
    """Finds images of the appliance at ``home`` by name: ``NAME``, ``NAME@GENERATION``, ``NAME@latest``."""
    store = _store(home)

    def resolve(name: str) -> ImageRef:
        found = store.resolve(name)
        return ImageRef(found.name, found.generation, found.digest)

    return resolve


def held(home: Path) -> AbstractContextManager[None]:
    """While the body runs, no image can lose its chunks: for finding one and queueing its job."""
    return _store(home).hold()


@cache
def _store(home: Path) -> ApplianceStore:
    """One per process: it remembers the digests of manifests, which never change."""
    return store_of(home)
