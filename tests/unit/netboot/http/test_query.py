"""What iPXE says in its query, and what is made of nonsense."""

from __future__ import annotations

from ipaddress import IPv4Address
from uuid import UUID

import pytest

from netboot.errors import ProtocolError
from netboot.http.query import client_of, literal
from netboot.model import Architecture, Client, Program

UUID_TEXT = "11223344-5566-7788-99aa-bbccddeeff00"


def test_a_whole_query() -> None:
    """Everything that the bootstrap script sends."""
    query = {"mac": "52-54-00-77-00-0A", "uuid": UUID_TEXT, "platform": "efi", "buildarch": "x86_64"}
    assert client_of(query, "192.0.2.7") == Client(
        mac="52:54:00:77:00:0a",
        architecture=Architecture.UEFI_X64,
        program=Program.IPXE,
        uuid=UUID(UUID_TEXT),
        address=IPv4Address("192.0.2.7"),
    )


@pytest.mark.parametrize(
    ("platform", "buildarch", "architecture"),
    [
        ("pcbios", "i386", Architecture.BIOS),
        ("pcbios", "x86_64", Architecture.BIOS),
        ("efi", "i386", Architecture.UEFI_IA32),
        ("efi", "arm64", Architecture.UEFI_ARM64),
        ("linux", "x86_64", Architecture.OTHER),
    ],
)
def test_platforms(platform: str, buildarch: str, architecture: Architecture) -> None:
    """The architecture in words of iPXE."""
    query = {"mac": "52:54:00:77:00:0a", "platform": platform, "buildarch": buildarch}
    assert client_of(query, None).architecture is architecture


@pytest.mark.parametrize("uuid", ["", "nonsense", "0" * 32, "f" * 32])
def test_uuids_that_are_none(uuid: str) -> None:
    """Machines without a UUID of their own."""
    assert client_of({"mac": "52:54:00:77:00:0a", "uuid": uuid}, None).uuid is None


@pytest.mark.parametrize("mac", ["", "52:54:00:77:00", "52:54:00:77:00:0g", "${netX/mac}"])
def test_a_mac_is_needed(mac: str) -> None:
    """Without one no machine can be recognised."""
    with pytest.raises(ProtocolError, match="no MAC address"):
        client_of({"mac": mac}, None)


@pytest.mark.parametrize("text", ["", "0.0.0.0", "::1", "appliance.example", "192.0.2.1:80", "192.0.2.1\n"])
def test_what_is_no_address(text: str) -> None:
    """Of one host: a script needs one."""
    assert literal(text) is None
    assert literal("192.0.2.1") == IPv4Address("192.0.2.1")
