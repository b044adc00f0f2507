"""Which parts of an image hold what: ranges, and the index that lists them.

No I/O, and a leaf. ``docs/dev/image-format.md`` describes a record. All offsets and lengths are bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import overload

SECTOR = 512
"""Records count in these, whatever the disk's own sectors are."""
MAX_COUNT = (1 << 32) - 1
"""Sectors of one range."""
NO_DIGEST = bytes(32)
RECORD = struct.Struct("<QII32s")

Record = tuple[int, int, int, bytes]
"""First sector, number of sectors, state, digest."""


class State(IntEnum):
    """What a range holds. Unallocated ranges are not in the index."""

    DATA = 1
    ZERO = 2


@dataclass(frozen=True, slots=True)
class Range:
    """A piece of an image, in bytes from its start. ``digest`` is 32 zero bytes for ZERO."""

    offset: int
    length: int
    state: State
    digest: bytes = NO_DIGEST

    @property
    def end(self) -> int:
        """The first byte behind."""
        return self.offset + self.length


class Index(Sequence[Range]):
    """The ranges of an image, decoded as they are asked for: a terabyte takes 48 MB, not 500."""

    __slots__ = ("_data",)

    def __init__(self, data: memoryview) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data) // RECORD.size

    @overload
    def __getitem__(self, key: int) -> Range: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Range]: ...
    def __getitem__(self, key: int | slice) -> Range | Sequence[Range]:
        if isinstance(key, slice):
            first, last, _ = key.indices(len(self))
            return Index(self._data[first * RECORD.size : max(first, last) * RECORD.size])
        if not -len(self) <= key < len(self):
            raise IndexError(key)
        return _range(RECORD.unpack_from(self._data, key % len(self) * RECORD.size))

    def __iter__(self) -> Iterator[Range]:
        return map(_range, RECORD.iter_unpack(self._data))

    def records(self) -> Iterator[Record]:
        """The records as they are, not checked: a terabyte has a million, and a Range for each takes long."""
        return RECORD.iter_unpack(self._data)


def encode_ranges(ranges: Iterable[Range]) -> bytes:
    """The records of these ranges, whose offsets and lengths are whole sectors."""
    return b"".join(RECORD.pack(r.offset // SECTOR, r.length // SECTOR, r.state, r.digest) for r in ranges)


def _range(record: Record) -> Range:
    start, count, state, digest = record
    return Range(start * SECTOR, count * SECTOR, State(state), digest)
