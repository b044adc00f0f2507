"""Which shared libraries an ELF file asks for: just enough of the format to keep the image complete.

Pure. Reads the DT_NEEDED entries of 64-bit little-endian files (System V ABI,
chapter 5), as ``readelf -d`` does; anything else needs nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

MAGIC = b"\x7fELF\x02\x01"
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB = 0, 1, 5

Segment = tuple[int, int, int, int]
"""Type, offset in the file, address, size in the file."""


def is_elf(head: bytes) -> bool:
    """Whether a file that starts with ``head`` is one that :func:`needed` can read."""
    return head.startswith(MAGIC)


def needed(data: bytes) -> list[str]:
    """The names of the libraries that the file ``data`` must be loaded with."""
    if not is_elf(data):
        return []
    segments = list(_segments(data))
    tags = [tag for segment in segments if segment[0] == PT_DYNAMIC for tag in _tags(data, segment)]
    tables = [value for kind, value in tags if kind == DT_STRTAB]
    if not tables:
        return []
    strings = _offset(segments, tables[0])
    return [_string(data, strings + value) for kind, value in tags if kind == DT_NEEDED]


def _segments(data: bytes) -> Iterator[Segment]:
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for index in range(count):
        kind, _flags, offset, address, _physical, length = struct.unpack_from(
            "<IIQQQQ", data, start + index * size
        )
        yield kind, offset, address, length


def _tags(data: bytes, segment: Segment) -> Iterator[tuple[int, int]]:
    _kind, offset, _address, length = segment
    for tag, value in struct.iter_unpack("<QQ", data[offset : offset + length]):
        if tag == DT_NULL:
            return
        yield tag, value


def _offset(segments: list[Segment], address: int) -> int:
    for kind, offset, start, length in segments:
        if kind == PT_LOAD and start <= address < start + length:
            return offset + address - start
    raise ValueError(f"address {address:#x} is in no segment of the file")


def _string(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode()
