"""The appliance as a source and a sink of chunks for the engine, and the place where an image is handed over.

Joins ``fetch``, which knows HTTP, and the engine's ports, which do not. An appliance that is away is waited
for. What arrives is not trusted here: the engine checks every chunk against its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from initramfs.agent.errors import ServerError, Unreachable
from initramfs.agent.fetch import Appliance, NotFound
from initramfs.imaging.errors import Missing, Unavailable
from initramfs.imaging.format.header import Header
from initramfs.imaging.format.index import Range
from initramfs.imaging.format.signed import encode_draft
from initramfs.messages import Digests, ImageRef, MessageError, decode, encode

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HttpChunks:
    """Chunks from ``/store/chunks``; a connection for each of the engine's threads."""

    appliance: Appliance

    def fetch(self, digest: bytes) -> bytes:
        """The object of one chunk. Raises Missing, Unavailable."""
        name = digest.hex()
        try:
            return self.appliance.get(f"/store/chunks/{name[:2]}/{name}")
        except NotFound as error:
            raise Missing(
                digest, "the appliance's store does not have it", "run 'clonesys image verify' there"
            ) from error
        except (ServerError, Unreachable) as error:
            raise Unavailable(digest, error.message, error.hint) from error


@dataclass(frozen=True, slots=True)
class HttpSink:
    """Chunks to ``/api/v1/agent/chunks``; what the appliance has kept is not sent again."""

    appliance: Appliance

    def has(self, digests: Sequence[bytes]) -> set[bytes]:
        """Those that need not be sent. Raises ServerError, Unreachable."""
        asked = encode(Digests(tuple(digests)))
        answer = _read(Digests, self.appliance.post("/api/v1/agent/chunks/missing", asked))
        return set(digests) - set(answer.digests)

    def put(self, digest: bytes, data: bytes) -> None:
        """Send one chunk. Raises ServerError (the appliance's disk is full), Unreachable."""
        self.appliance.put(f"/api/v1/agent/chunks/{digest.hex()}", data)

    def hand_over(self, header: Header, ranges: Iterable[Range]) -> ImageRef:
        """Let the image appear as the next generation; which it is. Raises ServerError, Unreachable."""
        body = encode_draft(header, ranges)
        return _read(ImageRef, self.appliance.post("/api/v1/agent/images", body))


def _read(kind: type[T], answer: bytes) -> T:
    try:
        return decode(kind, answer)
    except MessageError as error:
        raise ServerError(f"the appliance's answer cannot be read: {error}") from error
