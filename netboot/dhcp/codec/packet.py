"""The packet of BOOTP and DHCP (RFC 951, RFC 2131 §2) as a value, and its bytes.

Knows fields and options, not what they are good for. Parsing is strict about
bounds and raises only ProtocolError.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from netboot.dhcp.codec.options import MessageType, Option, read_options, write_options
from netboot.errors import ProtocolError

BOOTREQUEST = 1
BOOTREPLY = 2
ETHERNET = 1
BROADCAST_FLAG = 0x8000
NO_ADDRESS = IPv4Address(0)

_HEADER = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_COOKIE = bytes([99, 130, 83, 99])
_MINIMUM = 300
"""RFC 1542 §2.1: relays and ROMs may drop what is shorter than a BOOTP packet."""
_FILE_HOLDS_OPTIONS = 1
_SNAME_HOLDS_OPTIONS = 2


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet. ``chaddr`` holds hlen bytes; ``sname`` and ``file`` come without padding.

    ``options`` maps code to value, in the order on the wire.
    """

    op: int
    xid: int
    chaddr: bytes
    htype: int = ETHERNET
    hops: int = 0
    secs: int = 0
    flags: int = 0
    ciaddr: IPv4Address = NO_ADDRESS
    yiaddr: IPv4Address = NO_ADDRESS
    siaddr: IPv4Address = NO_ADDRESS
    giaddr: IPv4Address = NO_ADDRESS
    sname: bytes = b""
    file: bytes = b""
    options: dict[int, bytes] = field(default_factory=dict)

    @property
    def message_type(self) -> MessageType | None:
        """Option 53; None for BOOTP and for values that RFC 2132 does not know."""
        value = self.options.get(Option.MESSAGE_TYPE, b"")
        known = len(value) == 1 and value[0] in MessageType.__members__.values()
        return MessageType(value[0]) if known else None

    @property
    def server_id(self) -> IPv4Address | None:
        """Option 54: the server that is meant, or that speaks."""
        return self._address(Option.SERVER_ID)

    @property
    def requested_address(self) -> IPv4Address | None:
        """Option 50: the address that the client is about to take."""
        return self._address(Option.REQUESTED_ADDRESS)

    @property
    def mac(self) -> str:
        """The hardware address, lower case and colon-separated."""
        return self.chaddr.hex(":")

    def encode(self) -> bytes:
        """The bytes on the wire, at least 300. Raises ValueError if a field is too long."""
        if len(self.chaddr) > 16 or len(self.sname) > 63 or len(self.file) > 127:  # noqa: PLR2004 - field sizes of RFC 2131 §2
            raise ValueError("chaddr, sname or file does not fit its field")
        head = _HEADER.pack(
            self.op,
            self.htype,
            len(self.chaddr),
            self.hops,
            self.xid,
            self.secs,
            self.flags,
            self.ciaddr.packed,
            self.yiaddr.packed,
            self.siaddr.packed,
            self.giaddr.packed,
            self.chaddr,
            self.sname,
            self.file,
        )
        return (head + _COOKIE + write_options(self.options)).ljust(_MINIMUM, b"\0")

    def _address(self, option: Option) -> IPv4Address | None:
        value = self.options.get(option, b"")
        return IPv4Address(value) if len(value) == 4 else None  # noqa: PLR2004 - an IPv4 address


def parse(data: bytes) -> Packet:
    """Read a packet. Raises ProtocolError, and nothing else, for whatever is none."""
    start = _HEADER.size + len(_COOKIE)
    if len(data) < start:
        raise ProtocolError(f"a DHCP packet has at least {start} bytes, this one {len(data)}")
    if data[_HEADER.size : start] != _COOKIE:
        raise ProtocolError("not DHCP: the magic cookie is missing")
    op, htype, hlen, hops, xid, secs, flags, ci, yi, si, gi, chaddr, sname, file = _HEADER.unpack_from(data)
    if hlen > len(chaddr):
        raise ProtocolError(f"hardware address of {hlen} bytes in a field of {len(chaddr)}")
    options, sname, file = _overloaded(read_options(data[start:]), sname, file)
    return Packet(
        op=op,
        htype=htype,
        hops=hops,
        xid=xid,
        secs=secs,
        flags=flags,
        ciaddr=IPv4Address(ci),
        yiaddr=IPv4Address(yi),
        siaddr=IPv4Address(si),
        giaddr=IPv4Address(gi),
        chaddr=chaddr[:hlen],
        sname=sname.split(b"\0", 1)[0],
        file=file.split(b"\0", 1)[0],
        options=options,
    )


def mac_in(data: bytes) -> str:
    """The MAC in the header of what :func:`parse` refused; empty if there is none."""
    if len(data) < _HEADER.size or data[1:3] != bytes([ETHERNET, 6]):
        return ""
    return data[28:34].hex(":")


def _overloaded(
    options: dict[int, bytes], sname: bytes, file: bytes
) -> tuple[dict[int, bytes], bytes, bytes]:
    """Move options out of ``file`` and ``sname`` where option 52 says that they are there (RFC 2131 §4.1)."""
    overload = options.pop(Option.OVERLOAD, b"\0")[:1] or b"\0"
    if overload[0] & _FILE_HOLDS_OPTIONS:
        options, file = _joined(options, read_options(file)), b""
    if overload[0] & _SNAME_HOLDS_OPTIONS:
        options, sname = _joined(options, read_options(sname)), b""
    return options, sname, file


def _joined(first: dict[int, bytes], more: dict[int, bytes]) -> dict[int, bytes]:
    return first | {code: first.get(code, b"") + value for code, value in more.items()}
