"""Bringing back chunks that are corrupt or missing, from wherever the same content still is.

Another store gives them by digest; a disk, partition or raw file is read as a capture would read it, and only
what is wanted is kept. Every chunk is proved before it replaces anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from initramfs.imaging.capture.capture import Facts, capture
from initramfs.imaging.device.device import Device
from initramfs.imaging.device.parallel import ProgressCallback, silent
from initramfs.imaging.device.usage import is_partition
from initramfs.imaging.errors import ChunkError
from initramfs.imaging.format.header import Kind
from initramfs.imaging.format.names import partition_of
from initramfs.imaging.label import read_label
from provisioner.stores.wrappers import check

if TYPE_CHECKING:
    from initramfs.imaging.format.manifest import Manifest
    from initramfs.imaging.format.source import ChunkSource
    from provisioner.stores.protocols import ChunkKeeper


def repair(
    store: ChunkKeeper,
    wanted: Collection[bytes],
    images: Iterable[Manifest],
    origin: ChunkSource | Path,
    progress: ProgressCallback = silent,
) -> set[bytes]:
    """Bring back what ``origin`` (another store; a device or raw file) has of ``wanted``; which that is.

    Raises DiskError if a device cannot be read, StoreError.
    """
    if not isinstance(origin, Path):
        return _from_store(store, wanted, origin)
    sink = _Wanted(store, set(wanted))
    for image in images:
        if sink.wanted & {item.digest for item in image.index}:
            _read(image, origin, sink, progress)
    return set(wanted) - sink.wanted


def _from_store(store: ChunkKeeper, wanted: Iterable[bytes], other: ChunkSource) -> set[bytes]:
    found = set()
    for digest in wanted:
        try:
            data = other.fetch(digest)
            check(digest, data)
        except ChunkError:
            continue
        store.replace(digest, data)
        found.add(digest)
    return found


def _read(image: Manifest, origin: Path, sink: _Wanted, progress: ProgressCallback) -> None:
    """Cut the same cells as the capture did, so that unused bytes inside of them are zeros again.

    Whether it kept what lies in no partition, no manifest says: both are tried.
    """
    digests = {item.digest for item in image.index}
    with Device.open(origin, shared=True, sector_size=image.header.sector_size) as device:
        part = None if image.header.is_raw else _partition(image, device)
        whole = image.header.label is not None
        for only_partitions in (False, True) if whole else (False,):
            if not sink.wanted & digests:
                return
            capture(
                device,
                Facts("repair"),  # of no kind: images of before may have names of the other
                sink,
                partition=part,
                chunk_size=image.header.chunk_size,
                force=True,
                only_partitions=only_partitions,
                raw=image.header.is_raw,
                progress=progress,
            )


def _partition(image: Manifest, device: Device) -> int | None:
    """Which part of the device an image was made of; None for all of it."""
    bare = is_partition(device.path) or read_label(device.read, device.size, device.sector_size) is None
    return None if bare or image.header.kind is Kind.DISK else partition_of(image.header.name)


class _Wanted:
    """A sink that takes only what is wanted."""

    def __init__(self, store: ChunkKeeper, wanted: set[bytes]) -> None:
        self._store, self.wanted = store, wanted

    def has(self, digests: Sequence[bytes]) -> set[bytes]:
        return set(digests) - self.wanted

    def put(self, digest: bytes, data: bytes) -> None:
        self._store.replace(digest, data)
        self.wanted.discard(digest)
