"""The manifest: one signed file that says what an image is and which chunks it is made of.

No I/O. ``docs/dev/image-format.md`` describes the bytes. Nothing of a manifest is
believed before its signature has been checked, and nothing is allocated on its
word: the number of records must agree with the length of the file.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, overload

from cryptography.exceptions import InvalidSignature

from initramfs.imaging.errors import ManifestError
from initramfs.imaging.format.header import Header, decode_header, encode_header
from initramfs.imaging.format.rules import check_header

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MAGIC = b"CLSYIMG1"
SIGNATURE_SIZE = 64
MAX_HEADER = 1 << 20
MAX_RECORDS = 2 << 20
"""2 TiB of data in chunks of 1 MiB. The index must fit into a small machine, for a moment twice."""
SECTOR = 512
"""The index counts in these, whatever the disk's own sectors are."""
MAX_COUNT = (1 << 32) - 1
RECORD = struct.Struct("<QII32s")
MAX_FILE = 1024 + MAX_HEADER + MAX_RECORDS * RECORD.size
"""No manifest has more bytes."""
LENGTH = struct.Struct("<I")
NO_DIGEST = bytes(32)


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


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest whose signature was checked. ``digest``: SHA-256 of the file, the image's identity."""

    header: Header
    index: Index
    digest: bytes

    @property
    def title(self) -> str:
        """``name@generation``."""
        return f"{self.header.name}@{self.header.generation}"

    def expect(self, name: str, generation: int) -> Manifest:
        """Itself, if it is this image: the signature says whose it is, not where it lies.

        Raises ManifestError.
        """
        if (self.header.name, self.header.generation) != (name, generation):
            raise ManifestError(
                f"what is called {name}@{generation} is {self.title}",
                "somebody has copied or renamed manifests: put them back from a backup, or remove this one",
            )
        return self


def encode(header: Header, ranges: Iterable[Range], key: Ed25519PrivateKey) -> bytes:
    """The signed file. Raises ManifestError for what :func:`decode` would refuse."""
    return sign(encode_draft(header, ranges), key)


def sign(draft: bytes, key: Ed25519PrivateKey) -> bytes:
    """The signed file of a draft."""
    return draft + key.sign(draft)


def encode_draft(header: Header, ranges: Iterable[Range]) -> bytes:
    """All of the file but the signature. Raises ManifestError for what :func:`decode` would refuse."""
    records = b"".join(RECORD.pack(r.offset // SECTOR, r.length // SECTOR, r.state, r.digest) for r in ranges)
    check_header(header)
    _check(header, Index(memoryview(records)))
    text = encode_header(header, len(records) // RECORD.size)
    if len(text) > MAX_HEADER:
        raise ManifestError(f"a header of {len(text)} bytes, at most {MAX_HEADER} can be read")
    return MAGIC + LENGTH.pack(len(text)) + text + records


def decode(data: bytes, key: Ed25519PublicKey) -> Manifest:
    """Check and read a manifest. Raises ManifestError for anything but a whole one signed with ``key``."""
    header, index = _read(_signed_part(data, key))
    return Manifest(header, index, hashlib.sha256(data).digest())


def decode_draft(data: bytes) -> tuple[Header, Index]:
    """Read what nobody has signed: only for whoever is about to sign it. Raises ManifestError."""
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + LENGTH.size:
        raise ManifestError("this is no draft of a manifest")
    return _read(memoryview(data))


def _read(body: memoryview) -> tuple[Header, Index]:
    start = len(MAGIC) + LENGTH.size
    (length,) = LENGTH.unpack_from(body, len(MAGIC))
    if length > min(MAX_HEADER, len(body) - start):
        raise ManifestError(f"the manifest's header claims {length} bytes")
    header, count = decode_header(bytes(body[start : start + length]))
    check_header(header)
    records = body[start + length :]
    if len(records) != count * RECORD.size:
        raise ManifestError(
            f"the manifest announces {count} ranges and carries {len(records) / RECORD.size:g}"
        )
    index = Index(records)
    _check(header, index)
    return header, index


def _signed_part(data: bytes, key: Ed25519PublicKey) -> memoryview:
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + LENGTH.size + SIGNATURE_SIZE:
        raise ManifestError("this is no manifest, or only the beginning of one")
    body = memoryview(data)[:-SIGNATURE_SIZE]
    try:
        key.verify(data[-SIGNATURE_SIZE:], bytes(body))
    except InvalidSignature as error:
        raise ManifestError(
            "the manifest is damaged, or signed by somebody else",
            "images are believed only from the appliance whose key this is",
        ) from error
    return body


def _check(header: Header, index: Index) -> None:
    """Raises ManifestError unless ranges are sorted, apart, inside the disk, and cross no partition's border.

    Works on the raw records: a terabyte has a million of them.
    """
    chunk, step, size = header.chunk_size // SECTOR, header.sector_size // SECTOR, header.size // SECTOR
    borders = _borders(header)
    border, end = next(borders), 0
    if len(index) > MAX_RECORDS:
        raise ManifestError(
            f"the manifest has {len(index)} ranges, at most {MAX_RECORDS} can be handled", "use larger chunks"
        )
    for number, (start, count, state, digest) in enumerate(RECORD.iter_unpack(index._data)):  # noqa: SLF001 - same module
        if start < end or not count or start % step or count % step:
            raise ManifestError(f"range {number} of the manifest overlaps another, is empty or unaligned")
        end = start + count
        if end > size:
            raise ManifestError(f"range {number} of the manifest lies beyond the image's {header.size} bytes")
        while border <= start:
            border = next(borders)
        if end > border:
            raise ManifestError(f"range {number} of the manifest crosses the border of a partition")
        if state == State.ZERO and digest == NO_DIGEST:
            continue
        if state != State.DATA or count > chunk:
            raise ManifestError(f"range {number} of the manifest has state {state} and {count} sectors")


def _borders(header: Header) -> Iterator[int]:
    """Where partitions begin and end, in index sectors, ascending; then for ever the end of everything."""
    for area in header.label.areas if header.label else ():
        yield area.start // SECTOR
        yield area.end // SECTOR
    while True:
        yield 1 << 64


def _range(record: tuple[int, int, int, bytes]) -> Range:
    start, count, state, digest = record
    return Range(start * SECTOR, count * SECTOR, State(state), digest)
