"""Which machine asks, and by which program: from a DHCP packet to a :class:`netboot.model.Client`.

The only place that knows architecture numbers and how firmware and iPXE give
themselves away. Tolerant: what real firmware is known to send is understood,
with its name beside the rule. Decides nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

from netboot.dhcp.codec.options import IpxeFeature, Option, read_options, read_uint16s
from netboot.dhcp.codec.packet import BOOTREQUEST, ETHERNET
from netboot.errors import ProtocolError
from netboot.model import Architecture, Client, Program

if TYPE_CHECKING:
    from netboot.dhcp.codec.packet import Packet

PXE_CLASS = b"PXEClient"
HTTP_CLASS = b"HTTPClient"

ARCHITECTURES: dict[int, Architecture] = {
    0: Architecture.BIOS,
    6: Architecture.UEFI_IA32,
    7: Architecture.UEFI_X64,
    8: Architecture.UEFI_X64,  # Xscale on paper; seen from x64 machines, never from an Xscale
    9: Architecture.UEFI_X64,  # RFC 4578 and its errata swapped 7 and 9
    11: Architecture.UEFI_ARM64,
    15: Architecture.UEFI_IA32,  # by HTTP, as all below
    16: Architecture.UEFI_X64,
    17: Architecture.UEFI_X64,
    19: Architecture.UEFI_ARM64,
}
"""IANA "processor architecture types", decimal; what is missing is Architecture.OTHER."""

_ARCH_IN_CLASS = re.compile(rb"^(?:PXE|HTTP)Client:Arch:(\d{5})")
_MAC_LENGTH = 6
_MACHINE_ID_LENGTH = 17
_BEFORE_IPXE = {b"gPXE", b"Etherboot"}
_BIOS_IPXE_NEEDS = {IpxeFeature.HTTP, IpxeFeature.BZIMAGE}


def wants_boot(packet: Packet) -> bool:
    """Whether ``packet`` comes from a machine that boots from the network, over whatever."""
    of_firmware = packet.options.get(Option.VENDOR_CLASS, b"").startswith((PXE_CLASS, HTTP_CLASS))
    return packet.op == BOOTREQUEST and of_firmware


def is_ethernet(packet: Packet) -> bool:
    """Whether the sender's hardware address is a MAC."""
    return packet.htype == ETHERNET and len(packet.chaddr) == _MAC_LENGTH


def classify(packet: Packet) -> Client | None:
    """The client that sent ``packet``, or None if it is not a network boot over Ethernet."""
    if not is_ethernet(packet) or not wants_boot(packet):
        return None
    architecture = _architecture(packet)
    return Client(
        mac=packet.mac,
        architecture=architecture,
        program=_program(packet, architecture),
        uuid=_uuid(packet),
        address=packet.ciaddr if int(packet.ciaddr) else None,
    )


def architecture_numbers(packet: Packet) -> tuple[int, ...]:
    """From option 93, which is a list; else from the class text; else BIOS, as old ROMs send neither."""
    numbers = read_uint16s(packet.options.get(Option.CLIENT_ARCHITECTURE, b""))
    if not numbers:
        text = _ARCH_IN_CLASS.match(packet.options.get(Option.VENDOR_CLASS, b""))
        numbers = (int(text[1]),) if text else (0,)
    return numbers


def _architecture(packet: Packet) -> Architecture:
    numbers = architecture_numbers(packet)
    return next((ARCHITECTURES[number] for number in numbers if number in ARCHITECTURES), Architecture.OTHER)


def _program(packet: Packet, architecture: Architecture) -> Program:
    if packet.options[Option.VENDOR_CLASS].startswith(HTTP_CLASS):
        return Program.HTTP_ROM
    if not _is_ipxe(packet):
        return Program.ROM
    # A BIOS iPXE ROM (old network cards, VirtualBox) may lack HTTP or bzImage: treated as
    # any ROM it loads our iPXE. UEFI cannot be helped so: its iPXE would load itself for ever.
    if architecture is Architecture.BIOS and not _ipxe_features(packet) >= _BIOS_IPXE_NEEDS:
        return Program.ROM
    return Program.IPXE


def _is_ipxe(packet: Packet) -> bool:
    """iPXE's user class is a raw string, not length-prefixed as RFC 3004 has it; both are accepted.

    A build with a user class of its own still sends option 175. So does gPXE, which iPXE grew out of and
    which old cards have in their ROM: it cannot read our scripts, and is a ROM as any.
    """  # noqa: D403 - its name
    user_class = packet.options.get(Option.USER_CLASS, b"")
    if user_class.lstrip(b"\x04\x09") in _BEFORE_IPXE:
        return False
    return user_class in (b"iPXE", b"\x04iPXE") or Option.IPXE in packet.options


def _ipxe_features(packet: Packet) -> set[int]:
    try:
        features = read_options(packet.options.get(Option.IPXE, b""))
    except ProtocolError:
        return set()
    return {code for code, value in features.items() if any(value)}


def _uuid(packet: Packet) -> UUID | None:
    """Option 97 (RFC 4578 §2.3): a type byte 0 and 16 bytes. Some Intel ROMs send none or an empty one.

    edk2 and iPXE both copy the bytes of SMBIOS, whose first three fields are little-endian
    (seen on the wire with one machine's UUID). All zeros or all ones mean "not set".
    """
    value = packet.options.get(Option.CLIENT_MACHINE_ID, b"")
    if len(value) != _MACHINE_ID_LENGTH or value[0] != 0 or value[1:] in (b"\0" * 16, b"\xff" * 16):
        return None
    return UUID(bytes_le=value[1:])
