"""The fence around tftpy: values or ProtocolError, never anything else."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netboot.errors import ProtocolError
from netboot.tftp import packet
from netboot.tftp.packet import Ack, Error, ErrorCode, RefusedError, Request, parse


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


PLAIN = Request("x.efi", "octet", {"blksize": "1456"})


@pytest.mark.parametrize(
    ("wire", "request_"),
    [
        (b"x.efi\0octet\0multicast\0\0blksize\x001456\0", PLAIN),  # RFC 2090
        (b"x.efi\0octet\0blksize\x001456\0vendor\0\0", PLAIN),
        (b"x.efi\0octet\0\0blksize\x001456\0", PLAIN),
        (b"x.efi\0octet\0blksize\x001456\0\0", PLAIN),
        (b"x.efi\0octet\0blksize\x001456".ljust(64, b"\0"), PLAIN),
        (b"x.efi\0octet\0blksize\x001456", PLAIN),
        (b"x.efi\0octet\0blksize\x001456\0tsize\0", replace(PLAIN, options={**PLAIN.options, "tsize": "0"})),
        (b"x.efi\0octet\0blksize\x001456\0\xfc\0001\0", PLAIN),
        (b"x.efi\xff\0octet\0blksize\x001456\0", PLAIN),  # the end mark of DHCP options
        (b"x.efi\0octet\0tsize\0\0", replace(PLAIN, options={"tsize": "0"})),
        (b"x.efi\0octet\0blksize\0", replace(PLAIN, options={})),
        (b"x.efi\0octet", replace(PLAIN, options={})),
    ],
)
def test_requests_are_read_as_firmware_writes_them(wire: bytes, request_: Request) -> None:
    """Stray, many and missing zeros, empty values and half options: the rest is understood."""
    assert parse(b"\0\1" + wire) == request_


@pytest.mark.parametrize(
    ("wire", "code", "reason"),
    [
        (b"", ErrorCode.ILLEGAL, "no transfer mode"),
        (b"name", ErrorCode.ILLEGAL, "no transfer mode"),
        (b"name\0", ErrorCode.ILLEGAL, "no transfer mode"),
        (b"name\0\0blksize\x001456\0", ErrorCode.ILLEGAL, "no transfer mode"),
        (b"name\0oct\xe4t\0", ErrorCode.ILLEGAL, "no transfer mode b'oct"),
        (b"n\xc3\xa4me\0octet\0", ErrorCode.ACCESS, "not ASCII"),
        (b"name\0octet\0".ljust(1100, b"\0"), ErrorCode.ILLEGAL, "too long"),
    ],
)
@pytest.mark.parametrize("opcode", [b"\0\1", b"\0\2"])
def test_a_request_that_cannot_be_served_has_an_answer(
    opcode: bytes, wire: bytes, code: ErrorCode, reason: str
) -> None:
    """Silence would be taken for a broken network, and asked for again."""
    with pytest.raises(RefusedError, match=reason) as caught:
        parse(opcode + wire)
    assert caught.value.code is code


@given(st.sampled_from([b"\0\1", b"\0\2"]), st.binary(max_size=100))
def test_every_request_is_read_or_has_an_answer(opcode: bytes, data: bytes) -> None:
    """Whatever stands behind the opcode of a request."""
    with suppress(RefusedError):
        assert isinstance(parse(opcode + data), Request)


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
