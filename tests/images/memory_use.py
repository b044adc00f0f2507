"""``python -m tests.images.memory_use make|restore FILE COUNT``: an image of COUNT MiB and its memory.

``make`` writes a manifest of COUNT chunks of 1 MiB (one and the same). ``restore`` reads it, scans a disk
that holds something else, writes so many chunks that every thread has had many, loses its source, and prints
the most memory that this process ever had, in KiB.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from initramfs.imaging.errors import Unavailable
from initramfs.imaging.format.chunk import Packer
from initramfs.imaging.format.header import Header, Kind
from initramfs.imaging.format.index import Range, State
from initramfs.imaging.format.signed import decode, encode
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Adaptive
from tests.images.in_memory import KEY, MIB, PUBLIC, lay

CONTENT = random.Random(1).randbytes(MIB)
DIGEST = hashlib.sha256(CONTENT).digest()
CHUNKS = 400
"""As many as are fetched."""


class Source:
    """The one chunk, some hundred times."""

    def __init__(self) -> None:
        self.object, self.left = Packer().pack(CONTENT), CHUNKS

    def fetch(self, digest: bytes) -> bytes:
        """See ChunkSource. A new object each time, as from a socket."""
        self.left -= 1
        if self.left < 0:
            raise Unavailable(digest, "enough")
        return bytes(bytearray(self.object))


class Huge:
    """A disk that takes everything and holds nothing of it."""

    path, sector_size = Path("/dev/huge"), 512

    def __init__(self, size: int) -> None:
        self.size, self.marker = size, b""

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """See Target. What was written first (the marker) is what is read there."""
        buffer[:] = self.marker[: len(buffer)] if not offset and self.marker else b"x" * len(buffer)

    def write(self, data: memoryview, offset: int) -> None:
        """See Target."""
        if not offset:
            self.marker = bytes(data)

    def zero(self, offset: int, length: int) -> None:
        """See Target."""

    def discard(self, offset: int, length: int) -> bool:
        """See Target."""
        return bool(offset and length)

    def flush(self) -> None:
        """See Target."""


def make(file: Path, count: int) -> None:
    """A signed manifest of ``count`` chunks."""
    header = Header("sda5_Huge", 1, Kind.PARTITION, 512, count * MIB, MIB)

    def ranges() -> Iterator[Range]:
        return (Range(number * MIB, MIB, State.DATA, DIGEST) for number in range(count))

    file.write_bytes(encode(header, ranges(), KEY))


def restore(file: Path, count: int) -> None:
    """Begin a restore, and tell the memory it took."""
    image = decode(file.read_bytes(), PUBLIC)
    try:
        Restore(lay(image, count * MIB), Source(), Huge(count * MIB), strategy=Adaptive(), workers=4).run()
    except Unavailable:
        print(most_memory())


def most_memory() -> int:
    """KiB. Not ``ru_maxrss``, which a process inherits from the one that started it."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


if __name__ == "__main__":
    {"make": make, "restore": restore}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
