"""The answers, for each client, port and form; down to the bytes where firmware is picky."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from netboot.dhcp.codec.options import MessageType, Option
from netboot.dhcp.codec.packet import BROADCAST_FLAG, NO_ADDRESS, Packet, parse
from netboot.dhcp.proxy.classify import classify
from netboot.dhcp.proxy.form import Form
from netboot.dhcp.proxy.offer import Listener, destination, offer
from netboot.model import Architecture, Ignore, Kernel, LocalDisk, Program
from tests.clients.packets import DATA, HERE, captured, client, request

if TYPE_CHECKING:
    from netboot.model import Boot

KERNEL = Kernel("vmlinuz", ("initramfs.img",), ())
URL = "http://192.0.2.1:8080/boot/blob/snponly.efi"


def answered(
    asked: Packet,
    architecture: Architecture = Architecture.BIOS,
    program: Program = Program.ROM,
    *,
    boot: Boot = KERNEL,
    form: Form = Form.DIRECT,
    listener: Listener = Listener.DHCP,
) -> Packet:
    """The answer, which must be one."""
    reply = offer(asked, client(architecture, program), boot, HERE, form=form, listener=listener)
    assert isinstance(reply, Packet)
    return reply


@pytest.mark.parametrize(
    ("architecture", "program", "name"),
    [
        (Architecture.BIOS, Program.ROM, "undionly.kpxe"),
        (Architecture.UEFI_X64, Program.ROM, "snponly.efi"),
        (Architecture.BIOS, Program.IPXE, "boot.ipxe"),
        (Architecture.UEFI_X64, Program.IPXE, "boot.ipxe"),
        (Architecture.UEFI_X64, Program.HTTP_ROM, URL),
    ],
)
@pytest.mark.parametrize("boot", [KERNEL, LocalDisk()])
def test_the_file_is_in_every_place(
    architecture: Architecture, program: Program, name: str, boot: Boot
) -> None:
    """edk2 reads 67, ROMs and shim read the header; the NUL is inside the option."""
    reply = answered(request(), architecture, program, boot=boot)
    assert reply.file == name.encode()
    assert reply.options[Option.BOOTFILE_NAME] == name.encode() + b"\0"
    assert reply.options[Option.TFTP_SERVER_NAME] == b"192.0.2.1\0"
    assert reply.sname == b"192.0.2.1"
    assert reply.siaddr == HERE.address
    assert reply.server_id == HERE.address
    assert reply.yiaddr == NO_ADDRESS


def test_never_sent() -> None:
    """13 makes edk2 trust a size in blocks; 52 is more than many ROMs can read."""
    for program in Program:
        reply = answered(request(), Architecture.UEFI_X64, program)
        assert not {13, 52} & set(reply.options)


@pytest.mark.parametrize(
    ("program", "form", "listener", "vendor"),
    [
        (Program.ROM, Form.DIRECT, Listener.DHCP, b"\6\1\x08\xff"),
        (Program.ROM, Form.BINL, Listener.DHCP, None),
        (Program.ROM, Form.BINL, Listener.BINL, None),
        (Program.ROM, Form.DIRECT, Listener.BINL, None),
        (Program.IPXE, Form.DIRECT, Listener.DHCP, None),
        (Program.HTTP_ROM, Form.DIRECT, Listener.DHCP, None),
    ],
)
def test_option_43(program: Program, form: Form, listener: Listener, vendor: bytes | None) -> None:
    """Discovery control 8 is what makes an answer direct; without it firmware asks on 4011."""
    asked = request(MessageType.DISCOVER if listener is Listener.DHCP else MessageType.REQUEST)
    reply = answered(asked, Architecture.UEFI_X64, program, form=form, listener=listener)
    assert reply.options.get(Option.VENDOR_SPECIFIC) == vendor


def test_boot_item_is_repeated() -> None:
    """A PXE 2.1 client that asks for a boot item finds it in the answer."""
    asked = request(MessageType.REQUEST, more={Option.VENDOR_SPECIFIC: b"\x47\4\0\1\0\0\xff"})
    reply = answered(asked, listener=Listener.BINL)
    assert reply.options[Option.VENDOR_SPECIFIC] == b"\x47\4\0\1\0\0\xff"


def test_broken_option_43_is_as_none() -> None:
    """A cut sub-option in the request does not matter."""
    asked = request(MessageType.REQUEST, more={Option.VENDOR_SPECIFIC: b"\x47\x40\0"})
    assert Option.VENDOR_SPECIFIC not in answered(asked, listener=Listener.BINL).options


@pytest.mark.parametrize(
    ("asked", "listener", "kind"),
    [
        (request(MessageType.DISCOVER), Listener.DHCP, MessageType.OFFER),
        (request(MessageType.REQUEST), Listener.BINL, MessageType.ACK),
        (request(MessageType.INFORM), Listener.BINL, MessageType.ACK),
        (
            request(MessageType.REQUEST, more={Option.SERVER_ID: HERE.address.packed}),
            Listener.DHCP,
            MessageType.ACK,
        ),
    ],
)
def test_answered_kinds(asked: Packet, listener: Listener, kind: MessageType) -> None:
    """DISCOVER gets an OFFER, what is asked of us by name gets an ACK."""
    assert answered(asked, listener=listener).message_type is kind


@pytest.mark.parametrize(
    ("asked", "listener"),
    [
        (request(MessageType.REQUEST, more={Option.SERVER_ID: b"\x0a\0\0\1"}), Listener.DHCP),
        (request(MessageType.REQUEST), Listener.DHCP),
        (request(MessageType.INFORM), Listener.DHCP),
        (request(MessageType.RELEASE), Listener.DHCP),
        (request(MessageType.DISCOVER), Listener.BINL),
        (parse(captured("edk2-request-other-server")), Listener.DHCP),
    ],
)
def test_other_servers_business(asked: Packet, listener: Listener) -> None:
    """A REQUEST for another server's address is never answered."""
    reply = offer(asked, client(), KERNEL, HERE, form=Form.DIRECT, listener=listener)
    assert isinstance(reply, Ignore)


@pytest.mark.parametrize(
    "architecture", [Architecture.UEFI_IA32, Architecture.UEFI_ARM64, Architecture.OTHER]
)
def test_nothing_is_announced_that_is_not_there(architecture: Architecture) -> None:
    """Firmware without a loader is told nothing, and the reason names it."""
    reply = offer(request(), client(architecture), KERNEL, HERE, form=Form.DIRECT, listener=Listener.DHCP)
    assert reply == Ignore(f"there is no loader for {architecture} firmware")


def test_ignored_machines_get_no_answer() -> None:
    """The booter's reason is passed on."""
    ignore = Ignore("unknown host")
    assert offer(request(), client(), ignore, HERE, form=Form.DIRECT, listener=Listener.DHCP) is ignore


def test_what_is_copied() -> None:
    """97 and 82 come back unchanged, 82 last; so do xid, the relay and, in an ACK only, ciaddr."""
    more: dict[int, bytes] = {
        Option.RELAY_AGENT_INFORMATION: b"\1\4port",
        Option.CLIENT_MACHINE_ID: b"\0" + b"m" * 16,
    }
    asked = request(MessageType.REQUEST, more=more, address="192.0.2.7", relay="198.51.100.1")
    ack = answered(asked, listener=Listener.BINL)
    assert ack.options[Option.CLIENT_MACHINE_ID] == more[Option.CLIENT_MACHINE_ID]
    assert list(ack.options.items())[-1] == (Option.RELAY_AGENT_INFORMATION, b"\1\4port")
    assert (ack.xid, ack.giaddr, ack.ciaddr) == (asked.xid, asked.giaddr, asked.ciaddr)
    offered = answered(request(MessageType.DISCOVER, more=more, address="192.0.2.7"))
    assert offered.ciaddr == NO_ADDRESS


def test_broadcast_flag() -> None:
    """A client without an address can only be broadcast to, by us or by its relay."""
    assert answered(request()).flags & BROADCAST_FLAG
    assert answered(request(relay="198.51.100.1")).flags & BROADCAST_FLAG
    asked = request(MessageType.REQUEST, address="192.0.2.7")
    assert not answered(asked, listener=Listener.BINL).flags & BROADCAST_FLAG


def test_destinations() -> None:
    """RFC 2131 §4.1: the relay's server port, the client's address, else broadcast."""
    reply = answered(request())
    assert destination(reply, 68, 67) == ("255.255.255.255", 68)
    assert destination(replace(reply, ciaddr=IPv4Address("192.0.2.7")), 68, 67) == ("192.0.2.7", 68)
    relayed = replace(reply, giaddr=IPv4Address("198.51.100.1"), ciaddr=IPv4Address("192.0.2.7"))
    assert destination(relayed, 68, 67) == ("198.51.100.1", 67)


@pytest.mark.parametrize(
    ("capture", "form", "listener"),
    [
        ("edk2-discover", Form.BINL, Listener.DHCP),
        ("edk2-binl-request", Form.BINL, Listener.BINL),
        ("edk2-http-discover", Form.DIRECT, Listener.DHCP),
        ("ipxe-bios-discover", Form.DIRECT, Listener.DHCP),
        ("ipxe-uefi-discover", Form.DIRECT, Listener.DHCP),
    ],
)
def test_wire_bytes(capture: str, form: Form, listener: Listener) -> None:
    """The bytes that virtual machines with this firmware have booted from."""
    asked = parse(captured(capture))
    who = classify(asked)
    assert who is not None
    reply = offer(asked, who, KERNEL, HERE, form=form, listener=listener)
    assert isinstance(reply, Packet)
    golden = DATA / "golden" / "dhcp" / f"{capture}.hex"
    assert reply.encode().hex(" ", 16) == golden.read_text("utf-8").strip().replace("\n", " ")
    assert len(reply.encode()) <= 576


def test_the_client_identifier_comes_back() -> None:
    """RFC 6842: clients that share a MAC know their answers by it."""
    asked = request(more={Option.CLIENT_ID: b"\xff\1\2\3"})
    who = classify(asked)
    assert who is not None
    reply = offer(asked, who, KERNEL, HERE, form=Form.DIRECT, listener=Listener.DHCP)
    assert isinstance(reply, Packet)
    assert reply.options[Option.CLIENT_ID] == b"\xff\1\2\3"
