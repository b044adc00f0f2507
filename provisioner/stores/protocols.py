"""What stores can do, by ability: some only give, some take, some also throw away.

A leaf. Wrappers (a cache, a fall-back) are stores again. Everything may be called
from several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from initramfs.imaging.format.source import ChunkSink, ChunkSource

if TYPE_CHECKING:
    from provisioner.stores.names import Reference

Sign = Callable[[int], bytes]
"""Makes the signed manifest for the generation that the store has chosen."""


class Store(ChunkSource, Protocol):
    """Gives chunks and manifests."""

    def names(self) -> list[str]:
        """All images' names, sorted."""
        ...

    def generations(self, name: str) -> list[int]:
        """The generations of an image, oldest first; empty if there is no such image."""
        ...

    def resolve(self, text: str) -> Reference:
        """What ``name``, ``name@2`` or ``name@latest`` means now. Raises NoImageError, ImageNameError."""
        ...

    def manifest(self, reference: Reference) -> bytes:
        """The signed file, not checked. Raises NoImageError."""
        ...

    def find(self, digest: bytes) -> Reference | None:
        """The image whose manifest has this SHA-256."""
        ...


class ChunkKeeper(ChunkSource, Protocol):
    """Takes single chunks too, beside all images: a cache, or a store under repair."""

    def replace(self, digest: bytes, data: bytes) -> None:
        """Keep a whole object, in place of a corrupt or missing one. Raises StoreError."""
        ...


class Ingest(ChunkSink, Protocol):
    """Chunks on their way into a store, for one image. They count only from ``commit`` on."""

    def commit(self, name: str, sign: Sign) -> Reference:
        """Make the chunks durable, then let the manifest appear as the next generation, at once.

        Raises StoreError; the new image is then not there.
        """
        ...


class WritableStore(Store, Protocol):
    """Also takes images."""

    def ingest(self) -> AbstractContextManager[Ingest]:
        """Begin to add an image. Left without a commit, everything that was put is gone again."""
        ...


class PrunableStore(WritableStore, Protocol):
    """Also throws away."""

    def remove(self, reference: Reference) -> None:
        """Remove an image. Its chunks stay until the next prune. Raises NoImageError."""
        ...

    def removed(self) -> list[Reference]:
        """Removed images whose manifests are still there, because a job may need them."""
        ...

    def forget(self, pinned: Callable[[], Collection[bytes]]) -> None:
        """Throw away the manifests of removed images that have none of these digests.

        ``pinned`` is asked while nobody can queue a job.
        """
        ...

    def chunks(self) -> Iterator[bytes]:
        """The digests of all chunks that are there."""
        ...

    def prune(
        self,
        keep: Callable[[], Collection[bytes]],
        *,
        uploading: Callable[[], bool] = ...,
        now: float | None = None,
    ) -> tuple[int, int]:
        """Delete the chunks that ``keep`` does not name and no capture relies on; how many, and bytes.

        ``keep`` is asked again whenever somebody may have added an image since, while nobody can.
        ``uploading`` tells whether an agent may still come back for what it has sent; ``now`` is in
        seconds since the epoch. Raises StoreError.
        """
        ...
