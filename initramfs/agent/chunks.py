"""The appliance as a source of chunks for the engine.

Joins ``fetch`` (which knows HTTP) and ``imaging.format.source`` (which does not). What
arrives is not trusted here: the engine checks every chunk against its name.
"""

from __future__ import annotations

from dataclasses import dataclass

from initramfs.agent.errors import ServerError, Unreachable
from initramfs.agent.fetch import Appliance, NotFound
from initramfs.imaging.errors import Missing, Unavailable


@dataclass(frozen=True, slots=True)
class HttpChunks:
    """Chunks from ``/store/chunks``; a connection for each of the engine's threads."""

    appliance: Appliance

    def fetch(self, digest: bytes) -> bytes:
        """The object of one chunk. Waits for an appliance that is away. Raises Missing, Unavailable."""
        name = digest.hex()
        try:
            return self.appliance.get(f"/store/chunks/{name[:2]}/{name}")
        except NotFound as error:
            raise Missing(
                digest, "the appliance's store does not have it", "run 'clonesys image verify' there"
            ) from error
        except (ServerError, Unreachable) as error:
            raise Unavailable(digest, error.message, error.hint) from error
