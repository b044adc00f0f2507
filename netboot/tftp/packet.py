"""TFTP packets as values, and their bytes: the fence around tftpy.

tftpy reads what arrives and writes OACKs. It raises half a dozen kinds of
exception for bytes that it does not like; all of them become ProtocolError here,
and no other module imports it. DATA is written by a struct of our own: it is
made a thousand times per transfer, and tftpy formats a format string for each.
So is ERROR, for which tftpy knows no text but its own.
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
    from collections.abc import Mapping

# tftpy logs every packet, and a peer's ERROR (which firmware sends to end a probe) as an error of ours.
logging.getLogger("tftpy").setLevel(logging.CRITICAL)

_FACTORY = TftpPacketFactory()
_DATA = struct.Struct("!HH")
_DATA_OPCODE = 3
_ERROR_OPCODE = 5


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


def parse(data: bytes) -> Packet:
    """Read a packet that a client may send. Raises ProtocolError, and nothing else, for all others."""
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
