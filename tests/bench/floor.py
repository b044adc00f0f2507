"""The least that could be: the same bytes, both cores, and nothing else. No network, no bookkeeping.

``python -m tests.bench.floor restore MANIFEST KEY CHUNKS TARGET`` decompresses, hashes and writes all chunks,
which are in memory before the clock starts; ``… prove …`` then reads and hashes what it has written;
``… read MANIFEST KEY TARGET`` reads and hashes the used blocks. Prints the seconds as JSON. Does not use the
engine for what is measured.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from initramfs.imaging.format.index import Range, State
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.format.signed import decode

Job = Callable[[Range, mmap.mmap], None]
THREADS = max(8, 2 * (os.cpu_count() or 1))
"""More than cores: some wait for the disk."""
ROOM = 4 << 20


def main(arguments: list[str]) -> None:
    """Do it and print the time."""
    what, image, key, *rest = arguments
    manifest = decode(Path(image).read_bytes(), Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)))
    target = os.open(rest[-1], os.O_RDWR | os.O_DIRECT)
    data = [item for item in manifest.index if item.state is State.DATA]
    if what == "read":
        passes = [(list(_pieces(manifest)), _reading(target))]
    else:
        passes = [
            (data, _writing(target, {item.digest: _object(Path(rest[0]), item.digest) for item in data}))
        ]
    if what == "prove":
        passes.append((data, _reading(target)))
    began = time.monotonic()
    for ranges, job in passes:
        _all(ranges, job)
        os.fsync(target)
    sys.stdout.write(json.dumps({"seconds": time.monotonic() - began}) + "\n")


def _writing(target: int, objects: dict[bytes, bytes]) -> Job:
    local = threading.local()

    def work(item: Range, room: mmap.mmap) -> None:
        unpacker = local.__dict__.setdefault("unpacker", zstandard.ZstdDecompressor())
        content = memoryview(room)[: item.length]
        unpacker.stream_reader(objects[item.digest], closefd=False).readinto(content)
        if hashlib.sha256(content).digest() != item.digest:
            raise ValueError(item.digest.hex())
        os.pwrite(target, content, item.offset)

    return work


def _reading(target: int) -> Job:
    def work(item: Range, room: mmap.mmap) -> None:
        view = memoryview(room)[: item.length]
        os.preadv(target, [view], item.offset)
        hashlib.sha256(view)

    return work


def _all(ranges: list[Range], job: Job) -> None:
    waiting, lock = iter(ranges), threading.Lock()

    def run() -> None:
        room = mmap.mmap(-1, ROOM)
        while True:
            with lock:
                item = next(waiting, None)
            if item is None:
                return
            job(item, room)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _pieces(manifest: Manifest) -> Iterator[Range]:
    """Everything in use, allocated zeros too, in pieces of a chunk's size."""
    for item in manifest.index:
        for at in range(item.offset, item.end, 1 << 20):
            yield Range(at, min(1 << 20, item.end - at), item.state, item.digest)


def _object(chunks: Path, digest: bytes) -> bytes:
    name = digest.hex()
    return (chunks / name[:2] / name).read_bytes()


if __name__ == "__main__":
    main(sys.argv[1:])
