"""proxyDHCP on the wire, in a LAN with a foreign DHCP server (root)."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from random import Random
from typing import TYPE_CHECKING

import pytest

from netboot.dhcp.codec.options import MessageType, Option
from netboot.dhcp.codec.packet import NO_ADDRESS, Packet, parse
from netboot.errors import ProtocolError
from tests.clients.namespace_sockets import udp_inside
from tests.clients.packets import captured
from tests.clients.serving import Netboot
from tests.lab.command import run
from tests.lab.network import APPLIANCE_ADDRESS, DHCP_ADDRESS, Lan, Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.wire,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

OURS = IPv4Address(APPLIANCE_ADDRESS)
CLIENT = "10.77.0.50"


@dataclass
class Site:
    """The LAN, our services in it, and a network card ``c0`` of a client."""

    lan: Lan
    netboot: Netboot

    @contextmanager
    def client(self, port: int = 68) -> Iterator[Client]:
        """A client's socket."""
        with udp_inside(self.lan.namespace(Place.LAN), "c0", port) as bare:
            yield Client(bare)


@dataclass
class Client:
    """Firmware, as far as its packets go."""

    bare: socket.socket

    def broadcast(self, packet: bytes) -> None:
        """Send to port 67 by broadcast."""
        self.bare.sendto(packet, ("255.255.255.255", 67))

    def ours(self, xid: int) -> tuple[Packet, tuple[str, int]]:
        """Our next answer to ``xid``, and where it came from; others' are passed over."""
        while True:
            data, source = self.bare.recvfrom(2000)
            try:
                packet = parse(data)
            except ProtocolError:
                continue
            if packet.server_id == OURS and packet.xid == xid:
                return packet, source


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The foreign server gives addresses and says nothing of booting; we run beside it."""
    folder = tmp_path_factory.mktemp("lan")
    with Lan(folder) as lan:
        run("ip", "-n", lan.namespace(Place.LAN), "link", "add", "c0", "type", "veth", "peer", "name", "c1")
        for words in (["c1", "master", "br0", "up"], ["c0", "up"]):
            run("ip", "-n", lan.namespace(Place.LAN), "link", "set", *words)
        run("ip", "-n", lan.namespace(Place.LAN), "address", "add", f"{CLIENT}/24", "dev", "c0")
        with Netboot(
            folder / "netboot.log", "--interface=eth0", prefix=lan.inside(Place.APPLIANCE)
        ) as netboot:
            yield Site(lan, netboot)


def changed(capture: str, mac: str, secs: int = 0, xid: int = 0x1234) -> Packet:
    """A captured packet from another machine (so that no memory of an earlier test disturbs)."""
    packet = parse(captured(capture))
    return replace(packet, chaddr=bytes.fromhex(mac.replace(":", "")), secs=secs, xid=xid)


def test_edk2_is_offered_and_asks_again(site: Site) -> None:
    """The whole talk of OVMF: DISCOVER, our offer without option 43, the request on 4011."""
    discover = changed("edk2-discover", "52:54:00:01:00:01")
    with site.client() as client:
        client.broadcast(discover.encode())
        offered, source = client.ours(discover.xid)
    assert source == (APPLIANCE_ADDRESS, 67)
    assert (offered.message_type, offered.yiaddr, offered.siaddr) == (MessageType.OFFER, NO_ADDRESS, OURS)
    assert Option.VENDOR_SPECIFIC not in offered.options
    asked = replace(changed("edk2-binl-request", "52:54:00:01:00:01"), ciaddr=IPv4Address(CLIENT))
    with site.client(4011) as client:
        client.bare.sendto(asked.encode(), (APPLIANCE_ADDRESS, 4011))
        answer, source = client.ours(asked.xid)
    assert source == (APPLIANCE_ADDRESS, 4011)
    assert (answer.message_type, answer.file) == (MessageType.ACK, b"snponly.efi")


def test_a_client_that_repeats_itself_gets_the_other_form(site: Site) -> None:
    """The second DISCOVER of one attempt is answered with option 43."""
    forms = []
    with site.client() as client:
        for secs in (0, 4, 12):
            discover = changed("edk2-discover", "52:54:00:01:00:02", secs=secs, xid=1000 + secs)
            client.broadcast(discover.encode())
            forms.append(Option.VENDOR_SPECIFIC in client.ours(discover.xid)[0].options)
    assert forms == [False, True, False]


def test_http_boot_gets_a_url(site: Site) -> None:
    """UEFI HTTP boot, with a literal address."""
    discover = changed("edk2-http-discover", "52:54:00:01:00:03")
    with site.client() as client:
        client.broadcast(discover.encode())
        offered, _ = client.ours(discover.xid)
    assert offered.options[Option.VENDOR_CLASS] == b"HTTPClient"
    assert offered.file == f"http://{APPLIANCE_ADDRESS}:80/boot/blob/snponly.efi".encode()


def test_requests_to_the_other_server_are_not_answered(site: Site) -> None:
    """A broadcast REQUEST that names dnsmasq, then a DISCOVER: only the latter gets an answer of ours."""
    taken = changed("edk2-request-other-server", "52:54:00:01:00:04", xid=1)
    taken.options[Option.SERVER_ID] = IPv4Address(DHCP_ADDRESS).packed
    discover = changed("ipxe-uefi-discover", "52:54:00:01:00:04", xid=2)
    seen = []
    with site.client() as client:
        client.broadcast(taken.encode())
        client.broadcast(discover.encode())
        while 2 not in seen:
            packet = parse(client.bare.recv(2000))
            if packet.server_id == OURS:
                seen.append(packet.xid)
    assert seen == [2]


def test_relayed_requests_go_back_to_the_relay(site: Site) -> None:
    """To the relay's server port, with its option 82."""
    discover = replace(changed("ipxe-bios-discover", "52:54:00:01:00:05"), giaddr=IPv4Address(CLIENT))
    discover.options[Option.RELAY_AGENT_INFORMATION] = b"\1\5port7"
    with site.client(67) as relay:
        relay.bare.sendto(discover.encode(), (APPLIANCE_ADDRESS, 67))
        offered, _ = relay.ours(discover.xid)
    assert offered.options[Option.RELAY_AGENT_INFORMATION] == b"\1\5port7"
    assert offered.file == b"boot.ipxe"


def test_garbage_stops_nothing(site: Site) -> None:
    """Noise, cut packets and absurd fields to both ports; then a machine boots."""
    whole = captured("edk2-discover")
    noise = [Random(seed).randbytes(seed * 5) for seed in range(60)]
    cut = [whole[:length] for length in range(0, len(whole), 7)]
    absurd = [whole[:240] + bytes([60, 255]) + b"PXEClient" * 20, b"\1\1\xff" + whole[3:]]
    with site.client() as client:
        for packet in noise + cut + absurd:
            client.broadcast(packet)
            client.bare.sendto(packet, (APPLIANCE_ADDRESS, 4011))
    assert site.netboot.running
    discover = changed("ipxe-bios-discover", "52:54:00:01:00:06")
    with site.client() as client:
        client.broadcast(discover.encode())
        assert client.ours(discover.xid)[0].file == b"boot.ipxe"


def test_ordinary_clients_are_left_alone(site: Site, tmp_path: Path) -> None:
    """A client that boots nothing gets its lease from dnsmasq, and not a word of ours."""
    script = tmp_path / "script"
    script.write_text(f'#!/bin/sh\necho "$1 $ip" >> {tmp_path}/said\n', "utf-8")
    script.chmod(0o755)
    # dnsmasq pings each address before it offers it, and does nothing else meanwhile: be patient.
    words = ("udhcpc", "-i", "c0", "-t", "10", "-n", "-q", "-f", "-s", script)
    run(*site.lan.inside(Place.LAN, *words), within=60)
    assert "bound 10.77.0." in (tmp_path / "said").read_text("utf-8")
    mac = run("ip", "-n", site.lan.namespace(Place.LAN), "-brief", "link", "show", "c0").split()[2]
    assert mac not in site.netboot.said()


def test_transfers_are_told_with_the_machine(site: Site) -> None:
    """A file request is known by the address that the machine said it takes."""
    taken = changed("edk2-request-other-server", "52:54:00:01:00:07")
    taken.options[Option.REQUESTED_ADDRESS] = IPv4Address(CLIENT).packed
    with site.client() as client:
        client.broadcast(taken.encode())
        client.bare.sendto(b"\0\1boot.ipxe\0octet\0", (APPLIANCE_ADDRESS, 69))
        client.bare.recv(2000)
    site.netboot.wait_for(f"tftp-start 52:54:00:01:00:07 {CLIENT} boot.ipxe")


def test_a_machine_that_boots_by_another_server_is_told_of(site: Site) -> None:
    """Offered by us, taken from there, and then another way to boot is tried: why, and what to change."""
    mac = "52:54:00:01:00:08"
    discover = changed("edk2-discover", mac, xid=1)
    taken = changed("edk2-request-other-server", mac, xid=1)
    taken.options[Option.SERVER_ID] = IPv4Address(DHCP_ADDRESS).packed
    taken.options[Option.REQUESTED_ADDRESS] = IPv4Address(CLIENT).packed
    by_http = changed("edk2-http-discover", mac, xid=2)
    with site.client() as client:
        for packet in (discover, taken, by_http):
            client.broadcast(packet.encode())
    site.netboot.wait_for(f"unheeded {mac} - took its address from {DHCP_ADDRESS} and no file from us")


def test_what_is_not_answered_leaves_an_event(site: Site) -> None:
    """InfiniBand, an unknown architecture, a Raspberry Pi, a packet that ends in the middle of an option."""
    discover = changed("edk2-discover", "52:54:00:01:00:09")
    risc_v = changed("edk2-discover", "52:54:00:01:00:10")
    risc_v.options[Option.CLIENT_ARCHITECTURE] = b"\0\x1b"
    pi = changed("edk2-discover", "dc:a6:32:01:00:11")
    pi.options[Option.CLIENT_ARCHITECTURE] = b"\0\0"
    cut = discover.encode().rstrip(b"\0").removesuffix(b"\xff") + b"\x0c\x20pc"
    with site.client() as client:
        for packet in (replace(discover, htype=32, chaddr=b"").encode(), risc_v.encode(), pi.encode(), cut):
            client.broadcast(packet)
    for text in (
        "ignored - - asks for a boot over InfiniBand",
        "ignored 52:54:00:01:00:10 - there is no loader for other firmware (client architecture 27 (RISC-V",
        "ignored dc:a6:32:01:00:11 - looks like a Raspberry Pi",
        "ignored 52:54:00:01:00:09 - 10.77.0.50 sends a malformed DHCP packet: DHCP option 12 reaches",
    ):
        site.netboot.wait_for(text)
