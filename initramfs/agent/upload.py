"""The appliance as a sink of chunks for the engine, and the place where an image is handed over.

Joins ``fetch`` (which knows HTTP) and ``imaging.format.source`` (which does not). An appliance that
is away is waited for, and what it has kept until then is not sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from initramfs.agent.errors import ServerError
from initramfs.imaging.format.signed import encode_draft
from initramfs.messages import Digests, ImageRef, MessageError, decode, encode

if TYPE_CHECKING:
    from initramfs.agent.fetch import Appliance
    from initramfs.imaging.capture.capture import Draft

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HttpSink:
    """Chunks to ``/api/v1/agent/chunks``; a connection for each of the engine's threads."""

    appliance: Appliance

    def has(self, digests: Sequence[bytes]) -> set[bytes]:
        """See ChunkSink. Raises ServerError, Unreachable."""
        asked = encode(Digests(tuple(digests)))
        answer = _read(Digests, self.appliance.post("/api/v1/agent/chunks/missing", asked))
        return set(digests) - set(answer.digests)

    def put(self, digest: bytes, data: bytes) -> None:
        """See ChunkSink. Raises ServerError (the appliance's disk is full), Unreachable."""
        self.appliance.put(f"/api/v1/agent/chunks/{digest.hex()}", data)

    def hand_over(self, draft: Draft) -> ImageRef:
        """Let the image appear as the next generation; which it is. Raises ServerError, Unreachable."""
        body = encode_draft(draft.header, draft.ranges)
        return _read(ImageRef, self.appliance.post("/api/v1/agent/images", body))


def _read(kind: type[T], answer: bytes) -> T:
    try:
        return decode(kind, answer)
    except MessageError as error:
        raise ServerError(f"the appliance's answer cannot be read: {error}") from error
