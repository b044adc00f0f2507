"""zstd as the kernel's unpacker wants it, with the same bytes from every run.

The kernel reads a frame as a stream and allocates its window (lib/decompress_unzstd.c);
level 19 asks for 8 MiB, which a machine with little memory can spare. Compression by
several threads cuts the input into jobs whose size does not depend on their number,
but differs from what no threads give: so there is always at least one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import BinaryIO

import zstandard

LEVEL = 19


def compress(pieces: Iterable[bytes], target: BinaryIO, *, threads: int = 0) -> None:
    """Write ``pieces`` to ``target`` as one zstd frame; ``threads`` is 0 for one per processor."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL, threads=threads or os.cpu_count() or 1, write_checksum=True
    )
    with zstandard.ZstdCompressor(compression_params=parameters).stream_writer(
        target, closefd=False
    ) as writer:
        for piece in pieces:
            writer.write(piece)
