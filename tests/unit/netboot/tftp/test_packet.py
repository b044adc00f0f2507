"""The fence around tftpy: values or ProtocolError, never anything else."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netboot.errors import ProtocolError
from netboot.tftp import packet
from netboot.tftp.packet import Ack, Error, ErrorCode, Request, parse


@given(st.binary(max_size=200))
def test_garbage_is_a_protocol_error(data: bytes) -> None:
    """Whatever arrives, nothing but ProtocolError is raised."""
    with suppress(ProtocolError):
        parse(data)


@given(st.integers(1, 6), st.binary(max_size=100))
def test_garbage_behind_an_opcode(opcode: int, data: bytes) -> None:
    """The same with an opcode that exists, which leads deeper into the codec."""
    with suppress(ProtocolError):
        parse(opcode.to_bytes(2, "big") + data)


def test_requests_are_read() -> None:
    """Option names and the mode may be in any case (RFC 1350, RFC 2347)."""
    wire = b"\0\1boot/x.efi\0OcTeT\0BlkSize\x001468\0tsize\x000\0"
    assert parse(wire) == Request("boot/x.efi", "octet", {"blksize": "1468", "tsize": "0"})
    assert parse(b"\0\2x\0octet\0") == Request("x", "octet", {}, write=True)


def test_answers_of_a_client_are_read() -> None:
    """ACK and ERROR; an error without text is an affront that exists."""
    assert parse(b"\0\4\xff\xff") == Ack(65535)
    assert parse(b"\0\5\0\x08User aborted\0") == Error(8, "User aborted")
    assert parse(b"\0\5\0\1") == Error(1, "")


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\0\1",
        b"\0\x09x\0",
        b"\0\3\0\1data",  # only servers send DATA …
        b"\0\6tsize\x001\0",  # … and OACK
        b"\0\6blksi",  # kills tftpy's own server
        b"\0\1n\xc3\xa4me\0octet\0",
        b"\0\1name",
        b"\0\1name\0octet\0blksize\0",
        b"\0\4\0",
    ],
)
def test_known_killers_are_refused(wire: bytes) -> None:
    """Packets that end tftpy's server, or that a client has no business to send."""
    with pytest.raises(ProtocolError):
        parse(wire)


def test_what_is_written() -> None:
    """The three packets of a server, to the byte; block numbers roll over."""
    assert packet.oack({"blksize": "1468", "tsize": "9"}) == b"\0\6blksize\x001468\0tsize\x009\0"
    assert packet.data(65537, b"x") == b"\0\3\0\1x"
    assert packet.error(ErrorCode.NOT_FOUND, "gone – away") == b"\0\5\0\1gone ? away\0"
