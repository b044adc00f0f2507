"""Captured packets, and clients as the tests of the network services need them."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

from netboot.dhcp.codec.options import MessageType, Option
from netboot.dhcp.codec.packet import BOOTREQUEST, Packet
from netboot.model import Architecture, Client, Endpoint, Program

DATA = Path(__file__).parents[1] / "data"
HERE = Endpoint(IPv4Address("192.0.2.1"), 8080)
MAC = "52:54:00:77:00:01"


def captured(name: str) -> bytes:
    """A packet from ``tests/data/dhcp``: real firmware's words."""
    lines = (DATA / "dhcp" / f"{name}.hex").read_text("utf-8").splitlines()
    return bytes.fromhex("".join(line for line in lines if not line.startswith("#")))


def client(architecture: Architecture = Architecture.BIOS, program: Program = Program.ROM) -> Client:
    """A client with the usual MAC."""
    return Client(mac=MAC, architecture=architecture, program=program)


def request(
    kind: MessageType = MessageType.DISCOVER,
    vendor_class: bytes = b"PXEClient:Arch:00000:UNDI:002001",
    more: dict[int, bytes] | None = None,
    address: str = "0.0.0.0",
    relay: str = "0.0.0.0",
) -> Packet:
    """A request as a ROM makes it; ``more`` options are added or replace the usual ones."""
    options: dict[int, bytes] = {Option.MESSAGE_TYPE: bytes([kind]), Option.VENDOR_CLASS: vendor_class}
    return Packet(
        op=BOOTREQUEST,
        xid=0x12345678,
        chaddr=bytes.fromhex(MAC.replace(":", "")),
        ciaddr=IPv4Address(address),
        giaddr=IPv4Address(relay),
        options=options | (more or {}),
    )
