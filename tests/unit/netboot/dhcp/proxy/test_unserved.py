"""Machines that get no boot, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netboot.dhcp.codec.options import Option
from netboot.dhcp.codec.packet import parse
from netboot.dhcp.proxy.classify import ARCHITECTURES
from netboot.dhcp.proxy.unserved import NAMES, architecture_in_words, unserved
from tests.clients.packets import captured, request

ARCH, MACHINE = Option.CLIENT_ARCHITECTURE, Option.CLIENT_MACHINE_ID
PI = bytes.fromhex("dca632140002")
SERIAL = bytes.fromhex("12345678")


@pytest.mark.parametrize("capture", ["edk2-discover", "ipxe-bios-discover", "edk2-http-discover"])
def test_pcs_are_served(capture: str) -> None:
    """Nothing is said of them."""
    assert unserved(parse(captured(capture))) is None


def test_infiniband_has_no_address_but_an_identifier() -> None:
    """RFC 4390: hardware type 32, hlen 0, option 61."""
    packet = replace(request(more={Option.CLIENT_ID: b"\xff\0\1"}), htype=32, chaddr=b"")
    assert "InfiniBand (hardware type 32), client ff:00:01" in (unserved(packet) or "")


def test_other_hardware_is_named_by_its_number() -> None:
    """Token Ring, for one."""
    assert "hardware type 6 and an address of 6 bytes" in (unserved(replace(request(), htype=6)) or "")


@pytest.mark.parametrize(
    ("mac", "architecture", "machine", "pi"),
    [
        (PI, 0, b"", True),
        (PI, 41, b"", True),
        (PI, 11, b"", False),  # with UEFI firmware
        (request().chaddr, 0, b"RPi4" + bytes(12), True),
        (request().chaddr, 0, SERIAL * 4, True),
        (request().chaddr, 0, bytes(16), False),
        (request().chaddr, 0, b"\xff" * 16, False),
        (request().chaddr, 0, SERIAL * 3 + b"abcd", False),
    ],
)
def test_a_raspberry_pi_is_no_pc(mac: bytes, architecture: int, machine: bytes, pi: bool) -> None:  # noqa: FBT001 - a table
    """Although its boot ROM says that it is an x86 BIOS."""
    more: dict[int, bytes] = {ARCH: architecture.to_bytes(2, "big"), MACHINE: b"\0" + machine}
    found = unserved(replace(request(more=more), chaddr=mac))
    assert ("Raspberry Pi" in (found or "")) is pi


def test_architectures_have_words() -> None:
    """What is not served has a name or at least its number; what is served is not in the list."""
    assert (
        architecture_in_words(request(more={ARCH: b"\0\x1b"}))
        == "client architecture 27 (RISC-V 64 bit, UEFI)"
    )
    assert architecture_in_words(request(more={ARCH: b"\1\0\0\x0a"})) == (
        "client architecture 256, 10 (ARM 32 bit, UEFI)"
    )
    assert not NAMES.keys() & ARCHITECTURES.keys()
