"""Deleting the chunks that no image needs. What else must stay, the caller says in digests of manifests."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from provisioner.images.operations import load
from provisioner.images.verify import needed
from provisioner.stores.errors import NoImageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from provisioner.stores.names import Reference
    from provisioner.stores.protocols import Keep, Leased, PrunableCatalogue, PrunableStore


def prune(
    store: PrunableStore,
    key: Ed25519PublicKey,
    *,
    keep: Keep = frozenset,
    leased: Leased = lambda: False,
    now: float | None = None,
) -> tuple[int, int]:
    """Forget removed images and delete the chunks that no image needs; how many, and their bytes.

    ``keep`` names the manifests of removed images that must stay, with their chunks; ``leased`` tells whether
    uploads must. Raises ManifestError rather than delete anything while a manifest cannot be read.
    """
    needed_chunks = _Marker(store, key, keep)
    needed_chunks()  # before anything goes: all that stays can be read
    store.forget(keep)
    return store.prune(needed_chunks, leased=leased, now=now)


class _Marker:
    """Says which chunks are needed; each manifest is read once, however often it is asked."""

    def __init__(self, catalogue: PrunableCatalogue, key: Ed25519PublicKey, keep: Keep) -> None:
        self._catalogue, self._key, self._keep = catalogue, key, keep
        self._seen: set[Reference] = set()
        self._chunks: set[bytes] = set()

    def __call__(self) -> set[bytes]:
        for name in self._catalogue.names():
            for generation in self._catalogue.generations(name):
                with suppress(NoImageError):  # removed just now: then it is found below
                    self._mark(self._catalogue.resolve(f"{name}@{generation}"))
        kept = self._keep()
        for gone in self._catalogue.removed():
            if gone.digest in kept:
                self._mark(gone)
        return self._chunks

    def _mark(self, reference: Reference) -> None:
        if reference not in self._seen:
            self._seen.add(reference)
            self._chunks.update(needed([load(self._catalogue, reference, self._key)]))
