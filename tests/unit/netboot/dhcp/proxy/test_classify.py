"""Who asks: captured words of real firmware, and the tolerances that others need."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from uuid import UUID

import pytest

from netboot.dhcp.codec.options import MessageType, Option
from netboot.dhcp.codec.packet import parse
from netboot.dhcp.proxy.classify import classify
from netboot.model import Architecture, Client, Program
from tests.clients.packets import MAC, captured, request

MACHINE = UUID("11223344-5566-7788-99aa-bbccddeeff00")
IPXE_CLASS = {Option.USER_CLASS: b"iPXE"}


@pytest.mark.parametrize(
    ("capture", "expected"),
    [
        ("edk2-discover", Client(MAC, Architecture.UEFI_X64, Program.ROM, MACHINE)),
        ("edk2-http-discover", Client(MAC, Architecture.UEFI_X64, Program.HTTP_ROM, MACHINE)),
        ("ipxe-uefi-discover", Client(MAC, Architecture.UEFI_X64, Program.IPXE, MACHINE)),
        ("ipxe-bios-discover", Client("52:54:00:77:00:02", Architecture.BIOS, Program.IPXE, MACHINE)),
        (
            "edk2-binl-request",
            Client(MAC, Architecture.UEFI_X64, Program.ROM, MACHINE, IPv4Address("192.168.77.100")),
        ),
    ],
)
def test_real_firmware_is_understood(capture: str, expected: Client) -> None:
    """Captured packets give the machine, its architecture, its program and its UUID."""
    assert classify(parse(captured(capture))) == expected


@pytest.mark.parametrize(
    ("numbers", "architecture"),
    [
        ((0,), Architecture.BIOS),
        ((6,), Architecture.UEFI_IA32),
        ((7,), Architecture.UEFI_X64),
        ((8,), Architecture.UEFI_X64),
        ((9,), Architecture.UEFI_X64),
        ((11,), Architecture.UEFI_ARM64),
        ((16,), Architecture.UEFI_X64),
        ((19,), Architecture.UEFI_ARM64),
        ((27,), Architecture.OTHER),
        ((10,), Architecture.OTHER),
        ((10, 7), Architecture.UEFI_X64),
    ],
)
def test_architectures(numbers: tuple[int, ...], architecture: Architecture) -> None:
    """Option 93 is a list; the first number that we know decides."""
    value = b"".join(number.to_bytes(2, "big") for number in numbers)
    found = classify(request(more={Option.CLIENT_ARCHITECTURE: value}))
    assert found is not None
    assert found.architecture is architecture


@pytest.mark.parametrize(
    ("vendor_class", "option_93", "architecture"),
    [
        (b"PXEClient:Arch:00007:UNDI:003016", None, Architecture.UEFI_X64),
        (b"PXEClient:Arch:00007:UNDI:003016", b"\0", Architecture.UEFI_X64),
        (b"PXEClient", None, Architecture.BIOS),
    ],
)
def test_missing_option_93(vendor_class: bytes, option_93: bytes | None, architecture: Architecture) -> None:
    """Without option 93 the class text tells; without both it is an old BIOS ROM."""
    more: dict[int, bytes] = {} if option_93 is None else {Option.CLIENT_ARCHITECTURE: option_93}
    found = classify(request(vendor_class=vendor_class, more=more))
    assert found is not None
    assert found.architecture is architecture


HTTP, BZIMAGE, EFI = b"\x13\1\1", b"\x18\1\1", b"\x24\1\1"


@pytest.mark.parametrize(
    ("number", "more", "program"),
    [
        (0, {}, Program.ROM),
        (0, IPXE_CLASS, Program.ROM),  # says nothing of its features
        (0, {**IPXE_CLASS, Option.IPXE: HTTP}, Program.ROM),
        (0, {**IPXE_CLASS, Option.IPXE: HTTP + b"\x18\1\0"}, Program.ROM),
        (0, {**IPXE_CLASS, Option.IPXE: HTTP + BZIMAGE}, Program.IPXE),
        (0, {Option.IPXE: HTTP + BZIMAGE}, Program.IPXE),  # a build with another user class
        (0, {Option.USER_CLASS: b"\4iPXE", Option.IPXE: HTTP + BZIMAGE}, Program.IPXE),
        (0, {**IPXE_CLASS, Option.IPXE: b"\x13\x20"}, Program.ROM),  # cut
        (0, {Option.USER_CLASS: b"gPXE", Option.IPXE: HTTP + BZIMAGE}, Program.ROM),  # cannot read our script
        (0, {Option.USER_CLASS: b"\4gPXE", Option.IPXE: HTTP + BZIMAGE}, Program.ROM),
        (7, IPXE_CLASS, Program.IPXE),  # must never be told to load itself again
        (7, {**IPXE_CLASS, Option.IPXE: HTTP + EFI}, Program.IPXE),
        (7, {Option.USER_CLASS: b"\7MYCLASS"}, Program.ROM),
    ],
)
def test_ipxe_and_its_features(number: int, more: dict[int, bytes], program: Program) -> None:
    """A BIOS iPXE that lacks HTTP or bzImage is a ROM that loads ours."""
    found = classify(request(more={Option.CLIENT_ARCHITECTURE: bytes([0, number]), **more}))
    assert found is not None
    assert found.program is program


@pytest.mark.parametrize(
    "value", [b"", b"\0" * 17, b"\0" + b"\xff" * 16, b"\1" + b"x" * 16, b"\0" + b"x" * 15, b"RPi4"]
)
def test_machine_ids_that_are_none(value: bytes) -> None:
    """Some Intel ROMs send an empty option 97, the Raspberry Pi something of its own."""
    found = classify(request(more={Option.CLIENT_MACHINE_ID: value}))
    assert found is not None
    assert found.uuid is None


def test_what_does_not_boot_is_no_client() -> None:
    """Ordinary DHCP clients, servers and other hardware are left alone."""
    boot = request()
    assert classify(boot) is not None
    assert classify(replace(boot, op=2)) is None
    assert classify(replace(boot, htype=6)) is None
    assert classify(replace(boot, chaddr=b"\1" * 8)) is None
    assert classify(request(MessageType.DISCOVER, b"udhcp 1.35.0")) is None
    assert classify(replace(boot, options={Option.MESSAGE_TYPE: b"\1"})) is None
