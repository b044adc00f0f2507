"""Interfaces: several, one made anew, ports that others hold, other addresses and ways (root)."""

from __future__ import annotations

import os
import select
import socket
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from netboot.dhcp.codec.packet import Packet, parse
from provisioner.commands import init_appliance
from tests.clients.in_namespace import Connection, inside
from tests.clients.namespace_sockets import udp_inside
from tests.clients.packets import captured
from tests.clients.serving import Netboot
from tests.lab.command import run
from tests.lab.daemon import Daemon
from tests.lab.network import remove
from tests.lab.waiting import Deadline, until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.wire,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

APPLIANCE = f"clonesys-{os.getpid()}-several"
CLIENTS = f"clonesys-{os.getpid()}-clients"
NETWORKS = {"lab0": "10.80.0", "lab1": "10.81.0", "office": "10.82.0"}


@pytest.fixture(autouse=True)
def cables() -> Iterator[None]:
    """Three networks, by the name of both ends of a cable: the appliance has .2, the client .50."""
    with ExitStack() as undo:
        for namespace in (APPLIANCE, CLIENTS):
            run("ip", "netns", "add", namespace)
            undo.callback(remove, namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        for name in NETWORKS:
            cable(name)
        yield


def cable(name: str) -> None:
    """Lay it: both ends up, with their addresses."""
    ip(APPLIANCE, f"link add {name} type veth peer name {name} netns {CLIENTS}")
    for namespace, last in ((APPLIANCE, 2), (CLIENTS, 50)):
        ip(namespace, f"address add {NETWORKS[name]}.{last}/24 dev {name}")
        ip(namespace, f"link set {name} up")


def ip(namespace: str, words: str) -> None:
    """``ip`` in a namespace."""
    run("ip", "-n", namespace, *words.split())


def serving(folder: Path, *options: str) -> Netboot:
    """The services in the appliance's namespace."""
    return Netboot(folder / "netboot.log", *options, prefix=("ip", "netns", "exec", APPLIANCE))


def ask(client: socket.socket, number: int, to: str = "255.255.255.255", relay: str = "0.0.0.0") -> None:
    """A DISCOVER of a machine of its own."""
    discover = replace(parse(captured("ipxe-bios-discover")), xid=number, giaddr=IPv4Address(relay))
    discover = replace(discover, chaddr=bytes([2, 0, *number.to_bytes(4, "big")]))
    client.sendto(discover.encode(), (to, 67))


def offered(client: socket.socket, number: int) -> Packet:
    """The answer. Raises TimeoutError."""
    while True:
        packet = parse(client.recv(2000))
        if packet.xid == number:
            return packet


@contextmanager
def card(name: str, port: int = 68) -> Iterator[socket.socket]:
    """A client's socket on one network."""
    with udp_inside(CLIENTS, name, port) as made:
        yield made


def waiting(client: socket.socket) -> bool:
    """Whether there is something to read now."""
    return bool(select.select([client], [], [], 0)[0])


def test_named_interfaces_are_served_and_no_other(tmp_path: Path) -> None:
    """DHCP, TFTP and HTTP: two networks are named; the third gets no word, at none of our addresses."""
    ip(CLIENTS, "route add 10.80.0.2 dev office")  # our address in lab0, asked for by the office's cable
    with (
        serving(tmp_path, "--interface=lab0", "--interface=lab1"),
        card("lab0") as lab0,
        card("lab1") as lab1,
        card("office") as office,
        tcp("office", "10.80.0.2") as stranger,
    ):
        ask(office, 1)
        office.sendto(b"\0\1boot.ipxe\0octet\0", ("10.80.0.2", 69))
        for number, (client, ours) in enumerate(((lab0, "10.80.0.2"), (lab1, "10.81.0.2")), 2):
            ask(client, number)
            assert offered(client, number).siaddr == IPv4Address(ours)
        with tcp("lab1", "10.81.0.2") as friend:
            assert select.select([], [friend], [], 30)[1], "HTTP in lab1"
        assert not select.select([], [stranger], [], 0)[1], "HTTP from the office"
        assert not waiting(office)


def test_the_product_is_confined_too(tmp_path: Path) -> None:
    """``clonesys serve``: its HTTP workers open their sockets themselves, and hand out files themselves."""
    init_appliance.create(tmp_path / "home")
    ip(CLIENTS, "route add 10.80.0.2 dev office")
    words = (Path(sys.executable).with_name("clonesys"), "--home", tmp_path / "home", "serve")
    names = ("--interface", "lab0", "--interface", "lab1")
    inside_appliance = ("ip", "netns", "exec", APPLIANCE)
    with Daemon((*inside_appliance, *words, *names), tmp_path / "serve.log") as served:
        until(lambda: "ready:" in served.tail(), Deadline.within(60), "the appliance")
        with tcp("office", "10.80.0.2", 8080) as stranger, card("lab0") as lab0:
            with tcp("lab1", "10.81.0.2", 8080) as friend:
                assert select.select([], [friend], [], 30)[1], "HTTP in lab1"
            assert not select.select([], [stranger], [], 0)[1], "HTTP from the office"
            lab0.sendto(b"\0\1boot.ipxe\0octet\0", ("10.80.0.2", 69))
            assert lab0.recv(2000).startswith(b"\0\3\0\1#!ipxe")
        connection = Connection(CLIENTS, "10.81.0.2", 8080)
        connection.request("GET", "/boot/script?mac=52:54:00:00:00:01")
        assert b"unknown host" in connection.getresponse().read()
        connection.close()


def tcp(name: str, address: str, port: int = 80) -> socket.socket:
    """A connection to HTTP that has been begun; writable when it stands."""
    with inside(CLIENTS):
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")
    made.setblocking(False)  # noqa: FBT003 - the library's signature
    made.connect_ex((address, port))
    return made


def test_an_interface_that_is_made_anew_is_served_again(tmp_path: Path) -> None:
    """Gone, said to be gone, back, served; by DHCP and TFTP, without a restart."""
    with serving(tmp_path, "--interface=lab0") as netboot:
        ip(APPLIANCE, "link delete lab0")
        netboot.wait_for("listening - - lab0 is gone: it is not served until it is back")
        cable("lab0")
        netboot.wait_for("listening - - lab0 is served again")
        with card("lab0") as client:
            ask(client, 1)
            assert offered(client, 1).siaddr == IPv4Address("10.80.0.2")
            client.sendto(b"\0\1boot.ipxe\0octet\0", ("10.80.0.2", 69))
            assert client.recv(2000).startswith(b"\0\3\0\1#!ipxe")


def test_what_another_program_holds_is_said_and_the_rest_served(tmp_path: Path) -> None:
    """As the DHCP server of libvirt does on its bridge. When it goes, that network is served too."""
    with inside(APPLIANCE):
        libvirt = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    libvirt.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lab1\0")
    libvirt.bind(("0.0.0.0", 67))
    with libvirt, serving(tmp_path) as netboot, card("lab0") as lab0, card("lab1") as lab1:
        assert "DHCP on lab1 is not served: UDP port 67 is taken by" in netboot.said()
        assert "--interface" in netboot.said().partition("hint:")[2]
        ask(lab0, 1)
        assert offered(lab0, 1).siaddr == IPv4Address("10.80.0.2")
        libvirt.close()
        ip(APPLIANCE, "address add 10.81.0.3/24 dev lab1")  # anything that happens makes it look again
        netboot.wait_for("DHCP on lab1 is served again")
        ask(lab1, 2)
        assert offered(lab1, 2).siaddr in {IPv4Address("10.81.0.2"), IPv4Address("10.81.0.3")}


def test_a_second_address_is_answered_from(tmp_path: Path) -> None:
    """``--listen`` with an address that is not the interface's first, with which broadcasts arrive."""
    ip(APPLIANCE, "address add 10.80.0.9/24 dev lab0")
    with serving(tmp_path, "--listen=10.80.0.9") as netboot, card("lab0") as lab0, card("lab1") as lab1:
        ask(lab1, 1)
        ask(lab0, 2)
        offer = offered(lab0, 2)
        assert (offer.siaddr, offer.server_id) == (IPv4Address("10.80.0.9"), IPv4Address("10.80.0.9"))
        assert not waiting(lab1)
        ip(APPLIANCE, "address delete 10.80.0.9/24 dev lab0")  # a service address moves to another machine
        netboot.wait_for("10.80.0.9 is no address of this machine now")
        ip(APPLIANCE, "address add 10.80.0.9/24 dev lab0")
        netboot.wait_for("10.80.0.9 is served again")
        ask(lab0, 3)
        assert offered(lab0, 3).siaddr == IPv4Address("10.80.0.9")


def test_a_network_that_gets_its_address_later_is_served(tmp_path: Path) -> None:
    """Without names, everything is served, also what comes later; with a name, its absence is said."""
    ip(APPLIANCE, "address flush dev lab0")
    with serving(tmp_path, "--interface=lab0") as netboot, card("lab0") as client:
        assert "lab0 has no IPv4 address: it is not served until it has one" in netboot.said()
        ip(APPLIANCE, "address add 10.80.0.2/24 dev lab0")
        netboot.wait_for("lab0 is served again")
        ask(client, 1)
        assert offered(client, 1).siaddr == IPv4Address("10.80.0.2")


def test_a_relay_is_answered_by_the_routing_table(tmp_path: Path) -> None:
    """Its request comes by lab0; the way to its address is lab1 (RFC 2131 §4.1)."""
    for namespace in (APPLIANCE, CLIENTS):
        for interface in ("all", "lab0", "lab1"):
            run("ip", "netns", "exec", namespace, "sysctl", "-qw", f"net.ipv4.conf.{interface}.rp_filter=0")
    ip(CLIENTS, "address add 10.90.0.1/32 dev lo")
    ip(APPLIANCE, "route add 10.90.0.1 via 10.81.0.50")
    with serving(tmp_path), card("lab0", 67) as out, card("lab1", 67) as back:
        ask(out, 1, "10.80.0.2", relay="10.90.0.1")
        assert offered(back, 1).siaddr == IPv4Address("10.80.0.2")
