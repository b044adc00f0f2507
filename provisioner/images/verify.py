"""Whether a store still holds what its images need: every chunk decompressed and hashed."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from initramfs.imaging.device.parallel import (
    Meter,
    ProgressCallback,
    Worker,
    default_workers,
    run_parallel,
    silent,
)
from initramfs.imaging.errors import Corrupt, Missing
from initramfs.imaging.format.chunk import Unpacker
from initramfs.imaging.format.index import Range, State
from initramfs.imaging.format.manifest import Manifest

if TYPE_CHECKING:
    from initramfs.imaging.format.source import ChunkSource


@dataclass(slots=True)
class Verification:
    """What was found. ``images`` maps a bad chunk's digest to the images that need it."""

    chunks: int = 0
    bytes_read: int = 0
    missing: list[bytes] = field(default_factory=list)
    corrupt: list[bytes] = field(default_factory=list)
    images: dict[bytes, list[str]] = field(default_factory=dict)
    repaired: list[bytes] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.missing and not self.corrupt


def needed(manifests: Iterable[Manifest]) -> dict[bytes, int]:
    """The chunks of these images and their lengths."""
    return {r.digest: r.length for m in manifests for r in m.index if r.state is State.DATA}


def needed_of(index: Iterable[Range]) -> set[bytes]:
    """The chunks of one index."""
    return {r.digest for r in index if r.state is State.DATA}


def verify_chunks(
    source: ChunkSource, manifests: list[Manifest], progress: ProgressCallback = silent
) -> Verification:
    """Check every chunk of these images once. Raises Unavailable if the source cannot be read at all."""
    wanted = needed(manifests)
    result, lock = Verification(chunks=len(wanted)), threading.Lock()
    meter = Meter("verify", sum(wanted.values()), progress)

    def make_worker() -> Worker[tuple[bytes, int]]:
        unpacker = Unpacker()

        def check(item: tuple[bytes, int]) -> None:
            digest, length = item
            try:
                data = source.fetch(digest)
                with lock:
                    result.bytes_read += len(data)
                unpacker.unpack(digest, data, length)
            except Missing:
                result.missing.append(digest)
            except Corrupt:
                result.corrupt.append(digest)
            meter.add(length)

        return check

    run_parallel(wanted.items(), make_worker, default_workers())
    _blame(result, manifests)
    return result


def _blame(result: Verification, manifests: list[Manifest]) -> None:
    bad = {*result.missing, *result.corrupt}
    for manifest in manifests if bad else ():
        for name in bad & {r.digest for r in manifest.index if r.state is State.DATA}:
            result.images.setdefault(name, []).append(manifest.title)
