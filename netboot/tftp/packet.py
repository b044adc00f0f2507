"""TFTP packets as values, and their bytes: the fence around tftpy.

tftpy reads what arrives and writes OACKs. It raises half a dozen kinds of
exception for bytes that it does not like; all of them become ProtocolError here,
and no other module imports it. Requests are tidied before it sees them: firmware sends
stray zeros, empty values and half options, of which tftpy refuses the whole packet. DATA
is written by a struct of our own: it is made a thousand times per transfer, and tftpy
formats a format string for each. So is ERROR, for which tftpy knows no text but its own.
"""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from tftpy.TftpPacketFactory import TftpPacketFactory
from tftpy.TftpPacketTypes import TftpPacketACK, TftpPacketERR, TftpPacketOACK, TftpPacketRRQ, TftpPacketWRQ

from netboot.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# tftpy logs every packet, and a peer's ERROR (which firmware sends to end a probe) as an error of ours.
logging.getLogger("tftpy").setLevel(logging.CRITICAL)

_FACTORY = TftpPacketFactory()
_DATA = struct.Struct("!HH")
_DATA_OPCODE = 3
_ERROR_OPCODE = 5
_REQUESTS = (b"\0\1", b"\0\2")
"""How a request to read, and one to write, begin."""
_LONGEST_REQUEST = 1024
"""Bytes. RFC 2347 allows 512; tftpy takes milliseconds for the 64 kB that UDP allows."""


class ErrorCode(IntEnum):
    """RFC 1350 appendix, RFC 2347."""

    UNDEFINED = 0
    NOT_FOUND = 1
    ACCESS = 2
    ILLEGAL = 4
    OPTIONS = 8


@dataclass(frozen=True, slots=True)
class Request:
    """A request to read, or to ``write``, a file. Option names are lower case; the mode too."""

    name: str
    mode: str
    options: Mapping[str, str]
    write: bool = False


@dataclass(frozen=True, slots=True)
class Ack:
    """Everything up to ``block`` (16 bits) has arrived."""

    block: int


@dataclass(frozen=True, slots=True)
class Error:
    """The peer ends the transfer."""

    code: int
    text: str


Packet = Request | Ack | Error


class RefusedError(ProtocolError):
    """A request that cannot be served as it is written, and the ERROR that says so to the client."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code


def parse(data: bytes) -> Packet:
    """Read a packet that a client may send.

    Raises RefusedError for a request that must be answered with an ERROR, and ProtocolError for what
    is no request and must not be answered.
    """
    return _read(_tidied(data) if data[:2] in _REQUESTS else data)


def _read(data: bytes) -> Packet:
    try:
        found = _FACTORY.parse(data)
    except Exception as error:
        raise ProtocolError(f"not TFTP: {error}") from error
    match found:
        case TftpPacketRRQ() | TftpPacketWRQ():
            options = {str(name).lower(): str(value) for name, value in found.options.items()}
            return Request(found.filename, found.mode, options, write=isinstance(found, TftpPacketWRQ))
        case TftpPacketACK():
            return Ack(found.blocknumber)
        case TftpPacketERR():
            text = (found.errmsg or b"").rstrip(b"\0").decode("ascii", "replace")
            return Error(found.errorcode, text)
        case _:
            raise ProtocolError("only a server sends this TFTP packet")


def _tidied(data: bytes) -> bytes:
    """A request as RFC 2347 writes it: name, mode, pairs of option and value, a zero behind each."""
    if len(data) > _LONGEST_REQUEST:
        raise RefusedError(ErrorCode.ILLEGAL, f"A request of {len(data)} bytes is too long")
    name, *rest = data[2:].split(b"\0")
    # The end mark of DHCP options: old ROMs take it for a part of the file name (option 67).
    name = name.rstrip(b"\xff")
    if not name.isascii():
        raise RefusedError(ErrorCode.ACCESS, f"The file name {name[:80]!r} is not ASCII")
    if not rest or not rest[0]:
        raise RefusedError(ErrorCode.ILLEGAL, "The request names no transfer mode")
    if not rest[0].isascii():
        raise RefusedError(ErrorCode.ILLEGAL, f"There is no transfer mode {rest[0][:20]!r}")
    words = [name, rest[0], *_pairs(rest[1:])]
    return data[:2] + b"".join(word + b"\0" for word in words)


def _pairs(words: list[bytes]) -> Iterator[bytes]:
    """Options that have a name and a value, one after the other; what else there is means nothing to us."""
    waiting = iter(words)
    for name in waiting:
        if not name:
            continue  # a stray zero, or one of many that fill the packet up
        value = next(waiting, b"")
        if not value and name.lower() == b"tsize":
            value = b"0"  # what a client is to send (RFC 2349): it asks, whatever it says
        if value and name.isascii() and value.isascii():
            yield from (name, value)


def oack(options: Mapping[str, str]) -> bytes:
    """The bytes of an OACK (RFC 2347)."""
    packet = TftpPacketOACK()
    packet.options = dict(options)
    encoded: bytes = packet.encode().buffer
    return encoded


def data(block: int, payload: bytes) -> bytes:
    """The bytes of a DATA packet; ``block`` is taken modulo 65536."""
    return _DATA.pack(_DATA_OPCODE, block & 0xFFFF) + payload


def error(code: ErrorCode, text: str) -> bytes:
    """The bytes of an ERROR packet."""
    return _DATA.pack(_ERROR_OPCODE, code) + text.encode("ascii", "replace") + b"\0"
