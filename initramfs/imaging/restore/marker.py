"""What a restore that has not ended leaves in the first sector it wiped: why. No I/O.

One sector of 512 bytes, zeros behind the text. It lacks the signature 0x55AA, so
firmware takes it for nothing, and its checksum keeps a reader from taking anything else for it.
``docs/dev/image-format.md`` describes the bytes.
"""

from __future__ import annotations

import struct
import zlib

MAGIC = b"CLONESYS STOPPED"
SIZE = 512
TEXT = SIZE - len(MAGIC) - 4 - 2
CHECKSUM = struct.Struct("<I")


def encode_marker(reason: str) -> bytes:
    """The sector. What does not fit of the reason is cut."""
    text = reason.encode(errors="replace")[:TEXT].decode(errors="ignore").encode()
    body = MAGIC + text.ljust(TEXT, b"\0")
    return body + CHECKSUM.pack(zlib.crc32(body)) + bytes(2)


def decode_marker(sector: bytes) -> str:
    """The reason, or an empty text if this is no such sector."""
    body = sector[: SIZE - 6]
    if len(sector) < SIZE or not body.startswith(MAGIC):
        return ""
    if CHECKSUM.unpack_from(sector, len(body))[0] != zlib.crc32(body):
        return ""
    return body[len(MAGIC) :].rstrip(b"\0").decode(errors="replace")
