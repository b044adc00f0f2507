"""The outside of a zstd frame (RFC 8878, 3.1.1): where it ends, and what its decoder needs. No I/O.

The library reads the first frame that it finds, whatever precedes or follows it. An object is one frame
and nothing else, so this walks over the blocks, without decompressing them.
"""

from __future__ import annotations

import zstandard

MAGIC = b"\x28\xb5\x2f\xfd"
MAX_WINDOW = 8 << 20
"""Bytes of memory that every decoder should have (3.1.1.1.2)."""
BLOCK_HEADER, CHECKSUM = 3, 4
RLE = 1


def why_no_object(data: bytes) -> str:
    """Why these bytes are no single frame that everybody can read, or an empty text.

    Raises ZstdError if there is no whole header of a frame.
    """
    frame = zstandard.get_frame_parameters(data)
    if not data.startswith(MAGIC):
        return "is no zstd frame, or does not begin with one"
    if frame.dict_id:
        return f"needs the dictionary {frame.dict_id}"
    if frame.window_size > MAX_WINDOW:
        return f"needs a window of {frame.window_size} bytes, {MAX_WINDOW} at most"
    end = _end_of_blocks(data) + CHECKSUM * frame.has_checksum
    if end > len(data):
        return f"is no whole zstd frame: it ends after {len(data)} bytes"
    return f"has {len(data) - end} bytes behind its frame" if end < len(data) else ""


def _end_of_blocks(data: bytes) -> int:
    """Where the last block ends; behind ``data`` if that was cut."""
    at, last = zstandard.frame_header_size(data), 0
    while not last and at < len(data):
        block = int.from_bytes(data[at : at + BLOCK_HEADER], "little")
        last, kind, size = block & 1, block >> 1 & 3, block >> 3
        at += BLOCK_HEADER + (1 if kind == RLE else size)
    return at if last else len(data) + 1
