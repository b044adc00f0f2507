"""DHCP options: their names, and the coding of their values.

Names follow RFC 2132, RFC 3046, RFC 3004 and RFC 4578; the PXE sub-options of
option 43 follow the PXE specification 2.1, table 2-1; iPXE's sub-options of
option 175 follow its ``dhcp.h`` and ``features.h``. No other module uses bare numbers.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import TYPE_CHECKING

from netboot.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Option(IntEnum):
    """The options that take part in a network boot."""

    PAD = 0
    VENDOR_SPECIFIC = 43
    REQUESTED_ADDRESS = 50
    OVERLOAD = 52
    MESSAGE_TYPE = 53
    SERVER_ID = 54
    VENDOR_CLASS = 60
    CLIENT_ID = 61
    TFTP_SERVER_NAME = 66
    BOOTFILE_NAME = 67
    USER_CLASS = 77
    RELAY_AGENT_INFORMATION = 82
    CLIENT_ARCHITECTURE = 93
    CLIENT_INTERFACE = 94
    CLIENT_MACHINE_ID = 97
    IPXE = 175
    END = 255


class MessageType(IntEnum):
    """Values of option 53 (RFC 2132 §9.6)."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8


class PxeOption(IntEnum):
    """Sub-options of option 43 for the class ``PXEClient``."""

    DISCOVERY_CONTROL = 6
    BOOT_ITEM = 71


class IpxeOption(IntEnum):
    """Sub-options of option 175 in answers to iPXE."""

    PRIORITY = 1


class IpxeFeature(IntEnum):
    """Sub-options of option 175 with which iPXE says what it was built with."""

    HTTP = 0x13
    BZIMAGE = 0x18
    EFI = 0x24


def read_options(area: bytes) -> dict[int, bytes]:
    """The options in ``area``, in order; parts of a split option are joined (RFC 3396).

    A missing END is tolerated, as some firmware forgets it. Raises ProtocolError
    when an option reaches beyond the area.
    """
    found: dict[int, bytes] = {}
    position = 0
    while position < len(area) and area[position] != Option.END:
        if area[position] == Option.PAD:
            position += 1
            continue
        if position + 2 > len(area) or position + 2 + area[position + 1] > len(area):
            raise ProtocolError(f"DHCP option {area[position]} reaches beyond the packet")
        end = position + 2 + area[position + 1]
        found[area[position]] = found.get(area[position], b"") + area[position + 2 : end]
        position = end
    return found


def write_options(options: Mapping[int, bytes]) -> bytes:
    """The options in order and END; values above 255 bytes are split (RFC 3396)."""
    area = bytearray()
    for code, value in options.items():
        for start in range(0, max(len(value), 1), 255):
            part = value[start : start + 255]
            area += bytes([code, len(part)]) + part
    area.append(Option.END)
    return bytes(area)


def read_uint16s(value: bytes) -> tuple[int, ...]:
    """A list of 16-bit numbers, as in option 93 (RFC 4578 §2.1). An odd last byte is dropped."""
    return struct.unpack(f"!{len(value) // 2}H", value[: len(value) // 2 * 2])


def write_text(text: str) -> bytes:
    """Text with its NUL inside the value.

    RFC 2132 demands none, but edk2 writes one over the byte *after* a value that
    lacks it, and old ROMs append 0xFF to the name.
    """
    return text.encode("ascii") + b"\0"
