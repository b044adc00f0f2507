"""Machines that ask for a boot and get none, told apart and in words.

What the server saw is the first question beside a machine that does not start. What can be served,
:mod:`netboot.dhcp.proxy.classify` tells. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netboot.dhcp.codec.options import Option
from netboot.dhcp.proxy.classify import architecture_numbers, is_ethernet

if TYPE_CHECKING:
    from netboot.dhcp.codec.packet import Packet

INFINIBAND = 32
"""IANA "hardware types" (ARP); PXE over it is RFC 4390: no hardware address, option 61 instead."""
_RASPBERRY_PI = tuple(
    bytes.fromhex(oui) for oui in ("b827eb", "dca632", "e45f01", "28cdc1", "d83add", "2ccf67")
)
"""Address blocks of Raspberry Pi (IEEE registry); its boot ROM says that it is an x86 BIOS, or 41."""
_RASPBERRY_PI_SAYS = {0, 41}
_SERIAL = 4

NAMES = {
    1: "NEC PC-98",
    2: "Itanium, UEFI",
    3: "DEC Alpha",
    4: "Arc x86",
    5: "Intel Lean Client",
    10: "ARM 32 bit, UEFI",
    12: "PowerPC, Open Firmware",
    13: "PowerPC, ePAPR",
    14: "POWER, OPAL",
    18: "ARM 32 bit, UEFI HTTP boot",
    20: "x86 BIOS, HTTP boot",
    21: "ARM 32 bit, U-Boot",
    22: "ARM 64 bit, U-Boot",
    23: "ARM 32 bit, U-Boot by HTTP",
    24: "ARM 64 bit, U-Boot by HTTP",
    25: "RISC-V 32 bit, UEFI",
    26: "RISC-V 32 bit, UEFI HTTP boot",
    27: "RISC-V 64 bit, UEFI",
    28: "RISC-V 64 bit, UEFI HTTP boot",
    29: "RISC-V 128 bit, UEFI",
    30: "RISC-V 128 bit, UEFI HTTP boot",
    31: "s390 Basic",
    32: "s390 Extended",
    33: "MIPS 32 bit, UEFI",
    34: "MIPS 64 bit, UEFI",
    35: "Sunway 32 bit, UEFI",
    36: "Sunway 64 bit, UEFI",
    37: "LoongArch 32 bit, UEFI",
    38: "LoongArch 32 bit, UEFI HTTP boot",
    39: "LoongArch 64 bit, UEFI",
    40: "LoongArch 64 bit, UEFI HTTP boot",
    41: "ARM, Raspberry Pi's own boot ROM",
}
"""IANA "processor architecture types", decimal, as far as they are not served."""


def unserved(packet: Packet) -> str | None:
    """Why a machine that asks for a boot gets no answer, whatever it may boot; None if it may get one."""
    if packet.htype == INFINIBAND:
        return (
            f"asks for a boot over InfiniBand (hardware type 32), client {_identity(packet)}: Ethernet only"
        )
    if not is_ethernet(packet):
        return (
            f"asks for a boot with hardware type {packet.htype} and an address of {len(packet.chaddr)} bytes,"
            f" client {_identity(packet)}: Ethernet only"
        )
    if _is_raspberry_pi(packet):
        return (
            "looks like a Raspberry Pi's own boot ROM: it takes no loader for PCs, and there is none for it"
        )
    return None


def architecture_in_words(packet: Packet) -> str:
    """What option 93 says: ``client architecture 27 (RISC-V 64 bit, UEFI)``."""
    numbers = architecture_numbers(packet)
    told = (f"{number} ({NAMES[number]})" if number in NAMES else str(number) for number in numbers[:3])
    return f"client architecture {', '.join(told)}"


def _identity(packet: Packet) -> str:
    value = packet.options.get(Option.CLIENT_ID, b"") or packet.chaddr
    return value[:32].hex(":") or "without an identifier"


def _is_raspberry_pi(packet: Packet) -> bool:
    """By its address, or by option 97, which holds no UUID: ``RPi4…``, or the serial number four times.

    With UEFI firmware (edk2) it is an ARM machine as any, and says so.
    """
    if not set(architecture_numbers(packet)) <= _RASPBERRY_PI_SAYS:
        return False
    machine = packet.options.get(Option.CLIENT_MACHINE_ID, b"")[1:]
    serials = {machine[at : at + _SERIAL] for at in range(0, len(machine), _SERIAL)}
    repeated = (
        len(machine) == 4 * _SERIAL and len(serials) == 1 and serials.isdisjoint({bytes(4), b"\xff" * 4})
    )
    return packet.chaddr.startswith(_RASPBERRY_PI) or machine.startswith(b"RPi") or repeated
