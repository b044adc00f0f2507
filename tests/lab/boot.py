"""The machine and the place that tests of booting ask for."""

from __future__ import annotations

from ipaddress import IPv4Address

from netboot.model import Architecture, Client, Endpoint, Program

CLIENT = Client("52:54:00:00:00:01", Architecture.UEFI_X64, Program.IPXE)
HERE = Endpoint(IPv4Address("192.0.2.1"), 8080)
