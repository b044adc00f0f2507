"""Which file a client loads next: one table, by client system architecture and Secure Boot.

Only what is really served is announced: naming a file that is not there sends a
machine into time-outs that look like a broken network. What is missing is refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netboot.model import Architecture, Ignore, Program

if TYPE_CHECKING:
    from netboot.model import Client, Endpoint

SCRIPT = "boot.ipxe"
"""What iPXE itself loads by TFTP; rendered for the address it is asked at."""

SCRIPTS = (SCRIPT, "autoexec.ipxe")
"""The same script under both names: newer iPXE for UEFI asks for the second one by itself."""


@dataclass(frozen=True, slots=True)
class Loaders:
    """The loaders of one architecture; None where there is none yet.

    Attributes:
        plain: the file for firmware that starts anything.
        signed: the file for firmware with Secure Boot on, which starts signed files only.
    """

    plain: str | None = None
    signed: str | None = None


TABLE: dict[Architecture, Loaders] = {
    Architecture.BIOS: Loaders(plain="undionly.kpxe"),  # uses the ROM's own UNDI driver
    Architecture.UEFI_X64: Loaders(plain="snponly.efi"),  # likewise the firmware's SNP driver
    Architecture.UEFI_IA32: Loaders(),
    Architecture.UEFI_ARM64: Loaders(),
    Architecture.OTHER: Loaders(),
}


def loader_for(architecture: Architecture, *, secure_boot: bool = False) -> str | Ignore:
    """The loader's file name, or why there is none.

    Nothing in a DHCP request tells whether Secure Boot is on: the caller has to know.
    """
    row = TABLE[architecture]
    found = row.signed if secure_boot else row.plain
    if found is None:
        kind = "signed loader" if secure_boot else "loader"
        return Ignore(f"there is no {kind} for {architecture} firmware")
    return found


def file_for(client: Client, here: Endpoint) -> str | Ignore:
    """A TFTP file name, or a URL for UEFI HTTP boot, or why there is nothing for this client."""
    loader = loader_for(client.architecture)
    if isinstance(loader, Ignore):
        return loader
    match client.program:
        case Program.IPXE:
            return SCRIPT
        case Program.ROM:
            return loader
        case Program.HTTP_ROM:
            # A literal address: edk2 resolves a name only when an offer brought it a DNS server.
            return f"{here.url}/boot/blob/{loader}"
