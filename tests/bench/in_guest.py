"""What a netbooted machine's disk and processors can do alone. Typed into the shell that the agent leaves.

``python3 in_guest.py DISK BYTES`` fetches the chunks that are on the disk, unpacks them in memory, and hashes
them, in as many threads as the engine; then has dd write so many bytes over them. Prints JSON: bytes of
content a second.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from initramfs.agent import cmdline
from initramfs.agent.chunks import HttpChunks
from initramfs.agent.fetch import Appliance, Clock
from initramfs.imaging.device.parallel import Worker, default_workers, run_parallel
from initramfs.imaging.format.chunk import MIB, Unpacker, digest_of

CHUNKS = 32
TURNS = 3


@dataclass(slots=True)
class Chunk:
    """One that was found on the disk; ``data`` is its object, once it was fetched."""

    digest: bytes
    content: bytes
    data: bytes = b""


def main(disk: str, size: int) -> None:
    """Measure everything; dd comes last, because nothing is left after it."""
    chunks = list(found_on(Path(disk), size // MIB))
    source = HttpChunks(Appliance(server(), Clock(time.monotonic, time.sleep)))
    found = {
        "sha_ni": "sha_ni" in Path("/proc/cpuinfo").read_text().split(),
        "fetch": rate(chunks, lambda: fetching(source)),
        "unpack": rate(chunks, unpacking),
        "hash": rate(chunks, hashing),
        "dd": [size / (dd(disk, size) - dd(disk, 0)) for _ in range(TURNS)],
    }
    print(f"measured: {json.dumps(found)}")


def server() -> str:
    """Where this machine was booted from."""
    return cmdline.parse(Path("/proc/cmdline").read_text()).server


def found_on(disk: Path, count: int) -> Iterator[Chunk]:
    """Some of the ``count`` chunks of the first partition, from all over it: some are large, some small."""
    with disk.open("rb") as file:
        for number in range(0, count - count % CHUNKS, count // CHUNKS):
            file.seek((1 + number) * MIB)
            content = file.read(MIB)
            yield Chunk(digest_of(content), content)


def rate(chunks: Sequence[Chunk], make_worker: Callable[[], Worker[Chunk]]) -> float:
    """Bytes of content a second, by all threads together."""
    began = time.monotonic()
    run_parallel([*chunks] * TURNS, make_worker, default_workers())
    return TURNS * len(chunks) * MIB / (time.monotonic() - began)


def fetching(source: HttpChunks) -> Worker[Chunk]:
    """From the appliance into memory."""

    def work(chunk: Chunk) -> None:
        chunk.data = source.fetch(chunk.digest)

    return work


def unpacking() -> Worker[Chunk]:
    """Decompress and prove, as before writing."""
    unpacker, room = Unpacker(), memoryview(bytearray(MIB))
    return lambda chunk: unpacker.unpack_into(chunk.digest, chunk.data, room)


def hashing() -> Worker[Chunk]:
    """Hash alone, as after reading back."""

    def work(chunk: Chunk) -> None:
        digest_of(chunk.content)

    return work


def dd(disk: str, size: int) -> float:
    """Seconds; the disk is blank before it, and has written everything at its end."""
    run = partial(subprocess.run, check=True, stderr=subprocess.DEVNULL)
    run(("blkdiscard", "--force", disk))
    began = time.monotonic()
    run(("dd", "if=/dev/zero", f"of={disk}", "bs=1M", f"count={size // MIB}", "oflag=direct", "conv=fsync"))
    return time.monotonic() - began


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
