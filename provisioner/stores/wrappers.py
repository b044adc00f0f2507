"""Chunks and catalogues made of others: a cache, a fall-back, one that checks, one that only gives.

Each has the protocol of what it wraps, so they compose; ``ReadOnly`` joins two halves to a Store::

    ReadOnly(Verifying(Cache(fast, Failover(near, far))), FailoverCatalogue(near, far))

Missing is an answer and falls through; Unavailable falls through where another store can be asked; Corrupt
never does: it is an alarm.
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
    from initramfs.imaging.format.source import ChunkSource
    from provisioner.stores.names import Reference
    from provisioner.stores.protocols import Catalogue, ChunkKeeper

T = TypeVar("T")


class Verifying:
    """Decompresses and hashes every chunk before it gives it."""

    def __init__(self, inner: ChunkSource) -> None:
        self._inner = inner

    def fetch(self, digest: bytes) -> bytes:
        """Raises Corrupt instead of giving another chunk."""
        data = self._inner.fetch(digest)
        check(digest, data)
        return data


class Cache:
    """Keeps the chunks of a slow source in a fast one."""

    def __init__(self, fast: ChunkKeeper, slow: ChunkSource) -> None:
        self._fast, self._slow = fast, slow

    def fetch(self, digest: bytes) -> bytes:
        """Only whole chunks are kept; a cache that fails or is full is done without."""
        with contextlib.suppress(Missing, Unavailable):
            return self._fast.fetch(digest)
        data = self._slow.fetch(digest)
        check(digest, data)
        with contextlib.suppress(StoreError):
            self._fast.replace(digest, data)
        return data


class Failover:
    """Gives a chunk from the first of several sources that has it."""

    def __init__(self, *sources: ChunkSource) -> None:
        self._sources = sources

    def fetch(self, digest: bytes) -> bytes:
        """Raises Unavailable, not Missing, if one that could not answer may have it."""
        failure: ChunkError = Missing(digest, "there is no store to ask")
        for source in self._sources:
            try:
                return source.fetch(digest)
            except Missing as error:
                failure = failure if isinstance(failure, Unavailable) else error
            except Unavailable as error:
                failure = error
        raise failure


class FailoverCatalogue:
    """Several catalogues: the first that knows an image decides what its name means."""

    def __init__(self, *catalogues: Catalogue) -> None:
        self._catalogues = catalogues

    def names(self) -> list[str]:
        return sorted({name for each in self._catalogues for name in each.names()})

    def generations(self, name: str) -> list[int]:
        """Of the first that has the image: each counts for itself."""
        return next((found for each in self._catalogues if (found := each.generations(name))), [])

    def resolve(self, text: str) -> Reference:
        return self._first(lambda each: each.resolve(text))

    def manifest(self, reference: Reference) -> bytes:
        """The very image: another catalogue may have another under the same name."""

        def ask(each: Catalogue) -> bytes:
            found = each.find(reference.digest)
            if found is None:
                raise NoImageError(f"there is no image {reference}")
            return each.manifest(found)

        return self._first(ask)

    def find(self, digest: bytes) -> Reference | None:
        return next((found for each in self._catalogues if (found := each.find(digest))), None)

    def _first(self, ask: Callable[[Catalogue], T]) -> T:
        failure: ProvisionerError = NoImageError("there is no store to ask")
        for each in self._catalogues:
            try:
                return ask(each)
            except NoImageError as error:
                failure = error
        raise failure


class ReadOnly:
    """A Store of two halves, with nothing that could change them."""

    def __init__(self, chunks: ChunkSource, catalogue: Catalogue) -> None:
        self._chunks, self._catalogue = chunks, catalogue

    def fetch(self, digest: bytes) -> bytes:
        return self._chunks.fetch(digest)

    def names(self) -> list[str]:
        return self._catalogue.names()

    def generations(self, name: str) -> list[int]:
        return self._catalogue.generations(name)

    def resolve(self, text: str) -> Reference:
        return self._catalogue.resolve(text)

    def manifest(self, reference: Reference) -> bytes:
        return self._catalogue.manifest(reference)

    def find(self, digest: bytes) -> Reference | None:
        return self._catalogue.find(digest)


def check(digest: bytes, data: bytes) -> None:
    """Raises Corrupt unless this is the object of that chunk: one zstd frame and nothing behind it."""
    Unpacker().unpack_into(digest, data, memoryview(bytearray(content_size(digest, data))))
