"""Which file a client is told to load next.

One table. Only what is really served is announced: naming a file that is not
there sends a machine into time-outs that look like a broken network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netboot.model import Architecture, Ignore, Program

if TYPE_CHECKING:
    from netboot.model import Client, Endpoint

SCRIPT = "boot.ipxe"
"""What iPXE loads by TFTP; generated for the address it is asked at."""

LOADERS: dict[Architecture, str] = {
    Architecture.BIOS: "undionly.kpxe",  # uses the ROM's own UNDI driver
    Architecture.UEFI_X64: "snponly.efi",  # likewise the firmware's SNP driver
}


def file_for(client: Client, here: Endpoint) -> str | Ignore:
    """A TFTP file name, or a URL for UEFI HTTP boot, or why there is nothing for this client."""
    loader = LOADERS.get(client.architecture)
    if loader is None:
        return Ignore(f"there is no loader for {client.architecture} firmware")
    match client.program:
        case Program.IPXE:
            return SCRIPT
        case Program.ROM:
            return loader
        case Program.HTTP_ROM:
            return http_url(loader, here)


def http_url(loader: str, here: Endpoint) -> str:
    """The loader's URL. The host is a literal address: edk2 takes a name only from an offer with DNS."""
    return f"{here.url}/boot/blob/{loader}"
