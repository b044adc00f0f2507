"""The DHCP codec: what it promises about bounds, padding and the odd corners of the RFCs."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netboot.dhcp.codec.options import MessageType, Option, write_options
from netboot.dhcp.codec.packet import Packet, parse
from netboot.errors import ProtocolError
from tests.clients.packets import captured, request

ADDRESSES = st.integers(0, 2**32 - 1).map(IPv4Address)
TEXTS = st.binary(max_size=60).map(lambda text: text.replace(b"\0", b"x"))
CODES = st.integers(1, 254).filter(lambda code: code != Option.OVERLOAD)
PACKETS = st.builds(
    Packet,
    op=st.integers(0, 255),
    xid=st.integers(0, 2**32 - 1),
    chaddr=st.binary(max_size=16),
    htype=st.integers(0, 255),
    hops=st.integers(0, 255),
    secs=st.integers(0, 65535),
    flags=st.integers(0, 65535),
    ciaddr=ADDRESSES,
    yiaddr=ADDRESSES,
    siaddr=ADDRESSES,
    giaddr=ADDRESSES,
    sname=TEXTS,
    file=TEXTS,
    options=st.dictionaries(CODES, st.binary(max_size=600), max_size=8),
)


@given(PACKETS)
def test_what_is_written_is_read(packet: Packet) -> None:
    """Every packet survives its own bytes, long options included."""
    assert parse(packet.encode()) == packet


@given(st.binary(max_size=600))
def test_garbage_is_a_protocol_error(data: bytes) -> None:
    """Whatever arrives, nothing but ProtocolError is raised."""
    with suppress(ProtocolError):
        parse(data)


@given(st.data())
def test_damaged_packets_are_read_or_refused(data: st.DataObject) -> None:
    """A real packet with bytes changed or cut is read, or is a ProtocolError."""
    packet = bytearray(captured("edk2-discover"))
    for _ in range(data.draw(st.integers(1, 8))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ProtocolError):
        parse(bytes(packet[: data.draw(st.integers(0, len(packet)))]))


def test_packets_are_padded_to_bootp_size() -> None:
    """Relays and ROMs may drop what is shorter than 300 bytes."""
    assert len(request().encode()) == 300


def test_overloaded_fields_are_options() -> None:
    """Option 52 moves options into 'file' and 'sname'; the fields are empty then."""
    packet = Packet(
        op=1,
        xid=1,
        chaddr=b"\1\2\3\4\5\6",
        file=write_options({Option.BOOTFILE_NAME: b"pxe"}),
        sname=write_options({Option.VENDOR_CLASS: b"PXEClient"}),
        options={Option.MESSAGE_TYPE: b"\1", Option.OVERLOAD: b"\3"},
    )
    read = parse(packet.encode())
    assert (read.file, read.sname) == (b"", b"")
    assert read.options == {
        Option.MESSAGE_TYPE: b"\1",
        Option.BOOTFILE_NAME: b"pxe",
        Option.VENDOR_CLASS: b"PXEClient",
    }


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "at least 240 bytes"),
        (request().encode()[:239], "at least 240 bytes"),
        (request().encode()[:236] + b"abcd" + b"\xff" * 60, "magic cookie"),
        (request().encode()[:240] + bytes([60, 9]) + b"PXE", "option 60 reaches beyond"),
        (request().encode()[:240] + bytes([53]), "option 53 reaches beyond"),
        (b"\1\1\21" + request().encode()[3:], "hardware address of 17 bytes"),
    ],
)
def test_refusals_say_what_was_found(data: bytes, reason: str) -> None:
    """A packet that is refused says why."""
    with pytest.raises(ProtocolError, match=reason):
        parse(data)


def test_missing_end_is_tolerated() -> None:
    """Options that fill the packet to its last byte need no END."""
    assert parse(request().encode()[:240] + b"\x35\1\1").message_type is MessageType.DISCOVER


@pytest.mark.parametrize("value", [b"", b"\0", b"\x63", b"\1\1"])
def test_unknown_message_types_are_none(value: bytes) -> None:
    """A message type outside RFC 2132 is as none."""
    assert request(more={Option.MESSAGE_TYPE: value}).message_type is None


def test_too_long_fields_are_our_own_fault() -> None:
    """A file name that fills its field would lose its NUL."""
    with pytest.raises(ValueError, match="does not fit"):
        Packet(op=2, xid=1, chaddr=b"", file=b"x" * 128).encode()
