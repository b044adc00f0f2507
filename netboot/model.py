"""The words of network booting: who asks, and what it may be told to boot.

A leaf: imports nothing of ours. Holds values only; decisions are made by a
:class:`netboot.booter.Booter`, packets are made by ``dhcp``, ``tftp``, ``http``.
It must not know profiles, images or jobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address
    from uuid import UUID


class Architecture(StrEnum):
    """The client system architecture (RFC 4578 option 93), folded to what we can serve."""

    BIOS = "bios"
    UEFI_X64 = "uefi-x64"
    UEFI_IA32 = "uefi-ia32"
    UEFI_ARM64 = "uefi-arm64"
    OTHER = "other"


class Program(Enum):
    """Which program of the boot chain is asking."""

    ROM = "rom"
    """The firmware's own PXE client: wants a loader by TFTP."""
    HTTP_ROM = "http-rom"
    """UEFI HTTP boot (option 60 ``HTTPClient``): wants a loader's URL."""
    IPXE = "ipxe"
    """iPXE with everything we need (option 77 ``iPXE`` and the features in option 175)."""


@dataclass(frozen=True, slots=True)
class Client:
    """One machine, as far as its requests tell.

    Attributes:
        mac: lower case, colon-separated, as sysfs writes it.
        uuid: from option 97 or iPXE's ``${uuid}``; some Intel ROMs send none.
        architecture: folded from option 93.
        program: who is asking.
        address: the client's own address when it has one already.
    """

    mac: str
    architecture: Architecture
    program: Program
    uuid: UUID | None = None
    address: IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the client reaches us: the address of the interface its packet came in on."""

    address: IPv4Address
    http_port: int

    @property
    def url(self) -> str:
        """The base URL, with a literal address: nothing in the boot path may need DNS."""
        return f"http://{self.address}:{self.http_port}"


@dataclass(frozen=True, slots=True)
class Kernel:
    """Boot a Linux kernel. Names are blobs that the booter opens; ``cmdline`` holds finished words."""

    kernel: str
    initrds: tuple[str, ...]
    cmdline: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LocalDisk:
    """Hand back to the firmware so that it boots from the machine's own disk."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """Do not answer at all: this machine is observed, never touched."""

    reason: str


Boot = Kernel | LocalDisk | Ignore
