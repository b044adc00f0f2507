"""The file of a manifest: header and index as bytes, and the signature over them.

No I/O. ``docs/dev/image-format.md`` describes the bytes. Nothing of a file is believed before its signature
has been checked, and nothing is allocated on its word: the number of records must agree with its length.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature

from initramfs.imaging.errors import ManifestError
from initramfs.imaging.format.header import Header, decode_header, encode_header
from initramfs.imaging.format.index import RECORD, Index, Range, encode_ranges
from initramfs.imaging.format.manifest import MAX_RECORDS, Manifest, check_index
from initramfs.imaging.format.rules import check_header

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MAGIC = b"CLSYIMG1"
SIGNATURE_SIZE = 64
MAX_HEADER = 1 << 20
MAX_FILE = 1024 + MAX_HEADER + MAX_RECORDS * RECORD.size
"""No manifest has more bytes."""
LENGTH = struct.Struct("<I")


def encode(header: Header, ranges: Iterable[Range], key: Ed25519PrivateKey) -> bytes:
    """The signed file. Raises ManifestError for what :func:`decode` would refuse."""
    return sign(encode_draft(header, ranges), key)


def sign(draft: bytes, key: Ed25519PrivateKey) -> bytes:
    """The signed file of a draft."""
    return draft + key.sign(draft)


def encode_draft(header: Header, ranges: Iterable[Range]) -> bytes:
    """All of the file but the signature. Raises ManifestError for what :func:`decode` would refuse."""
    records = encode_ranges(ranges)
    check_header(header)
    check_index(header, Index(memoryview(records)))
    text = encode_header(header, len(records) // RECORD.size)
    if len(text) > MAX_HEADER:
        raise ManifestError(f"a header of {len(text)} bytes, at most {MAX_HEADER} can be read")
    return MAGIC + LENGTH.pack(len(text)) + text + records


def decode(data: bytes, key: Ed25519PublicKey) -> Manifest:
    """Check and read a manifest. Raises ManifestError for anything but a whole one signed with ``key``."""
    header, index = _read(_signed_part(data, key))
    return Manifest(header, index, hashlib.sha256(data).digest())


def decode_draft(data: bytes) -> tuple[Header, Index]:
    """Read a draft, whose signature is still to be made: believe nothing of it. Raises ManifestError."""
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + LENGTH.size:
        raise ManifestError("this is no draft of a manifest")
    return _read(memoryview(data))


def read_header(data: bytes) -> Header:
    """The header that a manifest, a draft or the beginning of one carries: believe nothing of it.

    Neither signature nor index is looked at. Raises ManifestError.
    """
    start = len(MAGIC) + LENGTH.size
    if not data.startswith(MAGIC) or len(data) < start:
        raise ManifestError("this is no manifest, or only the beginning of one")
    (length,) = LENGTH.unpack_from(data, len(MAGIC))
    if length > min(MAX_HEADER, len(data) - start):
        raise ManifestError(f"the manifest's header claims {length} bytes")
    return decode_header(data[start : start + length])[0]


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
    check_index(header, index)
    return header, index


def _signed_part(data: bytes, key: Ed25519PublicKey) -> memoryview:
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + LENGTH.size + SIGNATURE_SIZE:
        raise ManifestError("this is no manifest, or only the beginning of one")
    body = memoryview(data)[:-SIGNATURE_SIZE]
    try:
        key.verify(data[-SIGNATURE_SIZE:], bytes(body))
    except InvalidSignature as error:
        raise ManifestError(
            "the manifest is damaged, or signed with another key",
            "images are believed only from the appliance whose key this is",
        ) from error
    return body
