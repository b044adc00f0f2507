"""What iPXE says about itself in the query of ``/boot/script``. Pure."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING
from uuid import UUID

from netboot.errors import ProtocolError
from netboot.model import Architecture, Client, Program

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.ASCII)
_NO_UUIDS = (0, (1 << 128) - 1)

ARCHITECTURES = {
    ("pcbios", "i386"): Architecture.BIOS,
    ("pcbios", "x86_64"): Architecture.BIOS,
    ("efi", "i386"): Architecture.UEFI_IA32,
    ("efi", "x86_64"): Architecture.UEFI_X64,
    ("efi", "arm64"): Architecture.UEFI_ARM64,
}
"""iPXE's ``${platform}`` and ``${buildarch}``."""


def client_of(query: Mapping[str, str], address: str | None) -> Client:
    """The machine behind ``?mac=…&uuid=…&platform=…&buildarch=…``. Only ``mac`` is required.

    Raises ProtocolError if ``mac`` is missing or none.
    """
    mac = mac_of(query)
    if mac is None:
        raise ProtocolError(f"'mac' is no MAC address: {query.get('mac', '')!a:.40}")
    platform = query.get("platform", "pcbios"), query.get("buildarch", "i386")
    return Client(
        mac=mac,
        architecture=ARCHITECTURES.get(platform, Architecture.OTHER),
        program=Program.IPXE,
        uuid=_uuid(query.get("uuid", "")),
        address=literal(address or ""),
    )


def mac_of(query: Mapping[str, str]) -> str | None:
    """The MAC that a query names, as sysfs writes it; None if it names none, or something else."""
    mac = query.get("mac", "").lower().replace("-", ":")
    return mac if _MAC.fullmatch(mac) else None


def literal(text: str) -> IPv4Address | None:
    """The IPv4 address that ``text`` is, or None; 0.0.0.0 is none."""
    try:
        address = IPv4Address(text)
    except AddressValueError:
        return None
    return address if int(address) else None


def _uuid(text: str) -> UUID | None:
    try:
        found = UUID(text)
    except ValueError:
        return None
    return None if found.int in _NO_UUIDS else found
