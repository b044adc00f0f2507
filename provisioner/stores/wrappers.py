"""Stores made of stores: a cache, a fall-back, one that checks what it gives, one that only gives.

Each is a Store again, so they compose: ``Verifying(Cache(fast, Failover(near, far)))``. Missing is an
answer and falls through; Unavailable falls through where there is somebody else to ask; Corrupt never
does: somebody should hear of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from initramfs.imaging.errors import ChunkError, Missing, Unavailable
from initramfs.imaging.format.chunk import Unpacker, content_size
from provisioner.base.errors import ProvisionerError
from provisioner.stores.errors import NoImageError, StoreError

if TYPE_CHECKING:
    from provisioner.stores.names import Reference
    from provisioner.stores.protocols import ChunkKeeper, Store

T = TypeVar("T")


class ReadOnly:
    """A Store that gives, and has nothing that could change it."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    def fetch(self, digest: bytes) -> bytes:
        """See ChunkSource."""
        return self._inner.fetch(digest)

    def names(self) -> list[str]:
        """See Store."""
        return self._inner.names()

    def generations(self, name: str) -> list[int]:
        """See Store."""
        return self._inner.generations(name)

    def resolve(self, text: str) -> Reference:
        """See Store."""
        return self._inner.resolve(text)

    def manifest(self, reference: Reference) -> bytes:
        """See Store."""
        return self._inner.manifest(reference)

    def find(self, digest: bytes) -> Reference | None:
        """See Store."""
        return self._inner.find(digest)


class Verifying(ReadOnly):
    """Decompresses and hashes every chunk before it gives it."""

    def fetch(self, digest: bytes) -> bytes:
        """See ChunkSource. Raises Corrupt instead of giving another chunk."""
        data = self._inner.fetch(digest)
        check(digest, data)
        return data


class Cache(ReadOnly):
    """Keeps the chunks of a slow store in a fast one. Names and manifests are the slow one's."""

    def __init__(self, fast: ChunkKeeper, slow: Store) -> None:
        super().__init__(slow)
        self._fast = fast

    def fetch(self, digest: bytes) -> bytes:
        """See ChunkSource. Only whole chunks are kept; a cache that fails or is full is done without."""
        with contextlib.suppress(Missing, Unavailable):
            return self._fast.fetch(digest)
        data = self._inner.fetch(digest)
        check(digest, data)
        with contextlib.suppress(StoreError):
            self._fast.replace(digest, data)
        return data


class Failover:
    """The first of several stores that has it; the first that knows an image decides what its name means."""

    def __init__(self, *stores: Store) -> None:
        self._stores = stores

    def fetch(self, digest: bytes) -> bytes:
        """See ChunkSource. Raises Unavailable, not Missing, if one that could not answer may have it."""
        failure: ChunkError = Missing(digest, "there is no store to ask")
        for store in self._stores:
            try:
                return store.fetch(digest)
            except Missing as error:
                failure = failure if isinstance(failure, Unavailable) else error
            except Unavailable as error:
                failure = error
        raise failure

    def names(self) -> list[str]:
        """See Store."""
        return sorted({name for store in self._stores for name in store.names()})

    def generations(self, name: str) -> list[int]:
        """See Store. Of the first that has the image: two stores count for themselves."""
        return next((found for store in self._stores if (found := store.generations(name))), [])

    def resolve(self, text: str) -> Reference:
        """See Store."""
        return self._first(lambda store: store.resolve(text))

    def manifest(self, reference: Reference) -> bytes:
        """See Store. The very image: another store may have another under the same name."""

        def ask(store: Store) -> bytes:
            found = store.find(reference.digest)
            if found is None:
                raise NoImageError(f"there is no image {reference}")
            return store.manifest(found)

        return self._first(ask)

    def find(self, digest: bytes) -> Reference | None:
        """See Store."""
        return next((found for store in self._stores if (found := store.find(digest))), None)

    def _first(self, ask: Callable[[Store], T]) -> T:
        failure: ProvisionerError = NoImageError("there is no store to ask")
        for store in self._stores:
            try:
                return ask(store)
            except NoImageError as error:
                failure = error
        raise failure


def check(digest: bytes, data: bytes) -> None:
    """Raises Corrupt unless this is the object of that chunk: one zstd frame and nothing behind it."""
    Unpacker().unpack_into(digest, data, memoryview(bytearray(content_size(digest, data))))
