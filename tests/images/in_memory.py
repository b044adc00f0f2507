"""Images in memory for tests of the engine, and parts of the chain that fail in the ways the real ones do.

Everything here implements the engine's protocols; nothing patches it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from initramfs.imaging.capture.capture import CaptureCounts, Facts, capture
from initramfs.imaging.device.device import Device
from initramfs.imaging.errors import DeviceError, Missing
from initramfs.imaging.format.header import Header, Kind
from initramfs.imaging.format.index import Range
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.format.signed import decode, encode
from initramfs.imaging.label.model import Bare
from initramfs.imaging.restore.boot_critical import decode_marker
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.restore.restore import Restore

MIB = 1 << 20
SECTOR = 512
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()


class MemoryChunks(dict[bytes, bytes]):
    """A source and a sink."""

    def has(self, digests: Sequence[bytes]) -> set[bytes]:
        """See ChunkSink."""
        return {digest for digest in digests if digest in self}

    def put(self, digest: bytes, data: bytes) -> None:
        """See ChunkSink."""
        self[digest] = data

    def fetch(self, digest: bytes) -> bytes:
        """See ChunkSource."""
        try:
            return self[digest]
        except KeyError:
            raise Missing(digest, "not in this memory") from None


@dataclass
class Spoiled:
    """A source that spoils one chunk: ``how`` gets the right object and returns or raises something else."""

    inner: MemoryChunks
    victim: bytes
    how: Callable[[bytes], bytes]

    def fetch(self, digest: bytes) -> bytes:
        """See ChunkSource."""
        data = self.inner.fetch(digest)
        return self.how(data) if digest == self.victim else data


class FileTarget:
    """A real target that a subclass can make misbehave."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.path, self.size, self.sector_size = device.path, device.size, device.sector_size

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """See Target."""
        self.device.read_into(buffer, offset)

    def write(self, data: memoryview, offset: int) -> None:
        """See Target."""
        self.device.write(data, offset)

    def zero(self, offset: int, length: int) -> None:
        """See Target."""
        self.device.zero(offset, length)

    def discard(self, offset: int, length: int) -> bool:
        """See Target."""
        return self.device.discard(offset, length)

    def flush(self) -> None:
        """See Target."""
        self.device.flush()


class Recording(FileTarget):
    """Notes what is asked of it."""

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.calls: list[tuple[str, int, int]] = []

    def write(self, data: memoryview, offset: int) -> None:
        """See Target."""
        self.calls.append(("write", offset, len(data)))
        super().write(data, offset)

    def zero(self, offset: int, length: int) -> None:
        """See Target."""
        self.calls.append(("zero", offset, length))
        super().zero(offset, length)

    def flush(self) -> None:
        """See Target."""
        self.calls.append(("flush", 0, 0))
        super().flush()


class Forgetful(FileTarget):
    """A disk that drops writes to one place without saying so."""

    def __init__(self, device: Device, place: int) -> None:
        super().__init__(device)
        self.place = place

    def write(self, data: memoryview, offset: int) -> None:
        """See Target."""
        if not offset <= self.place < offset + len(data):
            super().write(data, offset)


class Failing(FileTarget):
    """A disk that answers EIO when one place is written."""

    def __init__(self, device: Device, place: int) -> None:
        super().__init__(device)
        self.place = place

    def write(self, data: memoryview, offset: int) -> None:
        """See Target."""
        if offset <= self.place < offset + len(data):
            raise DeviceError(f"cannot write at {offset}: Input/output error")
        super().write(data, offset)


@dataclass
class Captured:
    """An image and the memory that holds its chunks."""

    manifest: Manifest
    chunks: MemoryChunks
    count: CaptureCounts = field(default_factory=CaptureCounts)


def reason_on(content: bytes, size: int = MIB) -> str:
    """What a wiped region of ``size`` bytes says; it must hold nothing else, and nothing that boots."""
    reason = decode_marker(content[:SECTOR])
    assert reason
    assert content[510:512] == bytes(2)
    assert content[SECTOR:size] == bytes(size - SECTOR)
    return reason


def signed(header: Header, ranges: Sequence[Range]) -> Manifest:
    """A manifest as a reader gets it."""
    return decode(encode(header, ranges, KEY), PUBLIC)


def capture_file(
    path: Path,
    name: str = "sda_Test",
    chunks: MemoryChunks | None = None,
    *,
    partition: int | None = None,
    empty: Sequence[int] = (),
    chunk_size: int = MIB,
    force: bool = False,
    without_swap: bool = False,
    only_partitions: bool = False,
    raw: bool = False,
) -> Captured:
    """Capture a disk or file into memory."""
    chunks = MemoryChunks() if chunks is None else chunks
    with Device.open(path) as source:
        draft = capture(
            source,
            Facts(name),
            chunks,
            partition=partition,
            empty=empty,
            chunk_size=chunk_size,
            force=force,
            without_swap=without_swap,
            only_partitions=only_partitions,
            raw=raw,
        )
    return Captured(signed(replace(draft.header, generation=1), draft.ranges), chunks, draft.count)


def lay(manifest: Manifest, size: int) -> Layout:
    """The layout of an image onto a target of its own kind."""
    if manifest.header.kind is Kind.DISK:
        return compose(target_size=size, sector_size=512, disk=manifest)
    return compose(target_size=size, sector_size=512, partitions={Bare.BARE: manifest})


def restore_file(image: Captured, path: Path, size: int = 0) -> Restore:
    """Restore to a file, made or grown as needed; the finished restore."""
    with Device.create(path, size or image.manifest.header.size) as target:
        restore = Restore(lay(image.manifest, target.size), image.chunks, target)
        restore.run()
    return restore
