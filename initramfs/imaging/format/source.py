"""Where chunks come from and go to: the engine's only view of stores, servers and swarms.

A leaf. Sources and sinks are called from several threads at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet


class ChunkSource(Protocol):
    """Gives chunk objects. The engine checks what it gets, so that a source need not be trusted."""

    def fetch(self, digest: bytes) -> bytes:
        """The object (one zstd frame) of the chunk with this SHA-256.

        Raises Missing, Corrupt, Unavailable.
        """
        ...


class ChunkSink(Protocol):
    """Takes chunk objects. They need to be durable only when the manifest is handed over."""

    def has(self, digests: Sequence[bytes]) -> AbstractSet[bytes]:
        """Those of ``digests`` that need not be put."""
        ...

    def put(self, digest: bytes, data: bytes) -> None:
        """Keep one object. Putting a chunk twice is harmless."""
        ...
