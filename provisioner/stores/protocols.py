"""What stores can do, an ability a protocol: a consumer asks for the smallest one that it needs.

Two halves: chunks, by the digest of their content, and the catalogue of manifests, by name and generation.
``Store`` and its heirs join them. A leaf. Everything may be called from several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from initramfs.imaging.format.source import ChunkSink, ChunkSource

if TYPE_CHECKING:
    from provisioner.stores.names import Reference

Sign = Callable[[int], bytes]
"""Makes the signed manifest for the generation that the store has chosen."""
Keep = Callable[[], Collection[bytes]]
"""Names the digests that must stay. Asked while nothing can be added."""
Leased = Callable[[], bool]
"""Whether a sender still has a claim on what it has uploaded."""

# --- chunks --------------------------------------------------------------------------------------------


class ChunkKeeper(ChunkSource, Protocol):
    """Takes single chunks, beside all images: a cache, or a store under repair."""

    def replace(self, digest: bytes, data: bytes) -> None:
        """Keep a whole object, in place of a corrupt or missing one. Raises StoreError."""
        ...


class CorruptChunks(Protocol):
    """Sets corrupt chunks aside, so that the next capture stores them anew."""

    def set_aside(self, digest: bytes) -> object:
        """Move a chunk away; where to, as its text. Raises StoreError."""
        ...


class PrunableChunks(Protocol):
    """Lists chunks and deletes them."""

    def chunks(self) -> Iterator[bytes]:
        """The digests of all chunks that are there."""
        ...

    def prune(self, keep: Keep, *, leased: Leased = ..., now: float | None = None) -> tuple[int, int]:
        """Delete the chunks that ``keep`` does not name and no capture relies on; how many, and bytes.

        ``keep`` is asked again whenever an image may have appeared since. Uploads without an image go a day
        after they came, and later if they are ``leased``; ``now`` is in seconds since the epoch. Raises
        StoreError.
        """
        ...


# --- the catalogue -------------------------------------------------------------------------------------


class Catalogue(Protocol):
    """Finds manifests."""

    def names(self) -> list[str]:
        """All images' names, sorted."""
        ...

    def generations(self, name: str) -> list[int]:
        """The generations of an image, oldest first; empty if there is no such image."""
        ...

    def resolve(self, text: str) -> Reference:
        """What ``name``, ``name@2``, ``name@latest`` or, where it is known, ``name@promoted`` means now.

        Raises NoImageError, ImageNameError.
        """
        ...

    def manifest(self, reference: Reference) -> bytes:
        """The signed file, not checked; a removed one until it is forgotten. Raises NoImageError."""
        ...

    def find(self, digest: bytes) -> Reference | None:
        """The image whose manifest has this SHA-256; a removed one until it is forgotten."""
        ...


class PromotingCatalogue(Catalogue, Protocol):
    """Knows which generation of an image hosts get, where that is not simply the latest."""

    def promoted(self, name: str) -> int | None:
        """The generation of ``name@promoted``, or None."""
        ...

    def promote(self, reference: Reference) -> None:
        """Let this be ``name@promoted`` from now on. It ends with its removal. Raises StoreError."""
        ...


class PrunableCatalogue(Catalogue, Protocol):
    """Removes images: first their names, later their manifests."""

    def remove(self, reference: Reference) -> None:
        """Take an image's name away. Its manifest and chunks stay for now. Raises NoImageError."""
        ...

    def removed(self) -> list[Reference]:
        """Removed images whose manifests are still there."""
        ...

    def forget(self, keep: Keep) -> None:
        """Throw away the manifests of removed images that ``keep`` does not name. Raises StoreError."""
        ...


# --- stores --------------------------------------------------------------------------------------------


class Store(ChunkSource, Catalogue, Protocol):
    """Gives chunks and manifests."""


class Ingest(ChunkSink, Protocol):
    """Chunks on their way into a store, for one image. They count only from ``commit`` on."""

    def commit(self, name: str, sign: Sign) -> Reference:
        """Make the chunks durable, then publish the manifest as the next generation, at once.

        Raises StoreError; the new image is then not there.
        """
        ...


class WritableStore(Store, Protocol):
    """Also takes images."""

    def ingest(self) -> AbstractContextManager[Ingest]:
        """Begin to add an image. Left without a commit, everything that was put is gone again."""
        ...


class PrunableStore(WritableStore, PrunableChunks, PrunableCatalogue, Protocol):
    """Also throws away."""


class UploadPool(Protocol):
    """Takes chunks from other machines, by any of several processes, over any number of requests."""

    def missing(self, owner: str, digests: Sequence[bytes]) -> list[bytes]:
        """Those that ``owner`` has to send; the others stay until its upload is over. Raises StoreError."""
        ...

    def put(self, owner: str, digest: bytes, data: bytes) -> None:
        """Keep one chunk. Raises Corrupt if it is another, StoreFullError, StoreError."""
        ...

    def commit(self, owner: str, name: str, digests: Collection[bytes], sign: Sign) -> Reference:
        """Let the image appear that these chunks make up. Raises IncompleteError, StoreError."""
        ...

    def forget(self, owner: str) -> None:
        """End the upload: what it relied upon is no longer kept for it."""
        ...


class ApplianceStore(PrunableStore, PromotingCatalogue, ChunkKeeper, CorruptChunks, Protocol):
    """All that an appliance needs of the store it works with."""

    @property
    def workspace(self) -> Path:
        """A folder for large files of a moment: it has the room that images have. Perhaps not there yet."""
        ...

    @property
    def uploads(self) -> UploadPool:
        """What agents send."""
        ...

    def make(self) -> None:
        """Make what the store needs before its first image, if it is missing. Raises StoreError."""
        ...

    def hold(self) -> AbstractContextManager[None]:
        """While the body runs, nothing is deleted: time to resolve an image and to note who needs it."""
        ...
