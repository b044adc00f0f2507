"""TFTP to machines behind a router and a tunnel, whose packets may be smaller than ours (root)."""

from __future__ import annotations

import itertools
import os
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.clients.in_namespace import inside
from tests.clients.serving import Netboot
from tests.lab.command import run
from tests.lab.network import remove, sweep
from tests.lab.waiting import Deadline, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.wire,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

SERVER = ("10.78.0.2", 69)
MTU = 1420
"""WireGuard's."""
_ports = itertools.count(2070)


@dataclass
class Path3:
    """The appliance, a router, and behind its narrow link a machine."""

    prefix: str

    def name(self, place: str) -> str:
        """The namespace of a place."""
        return f"{self.prefix}-{place}"

    def ip(self, place: str, words: str) -> None:
        """``ip`` inside a place."""
        run("ip", "-n", self.name(place), *words.split())

    def sysctl(self, place: str, setting: str) -> None:
        """A kernel setting of a place."""
        run("ip", "netns", "exec", self.name(place), "sysctl", "-qw", setting)

    @contextmanager
    def dropping_fragments(self) -> Iterator[None]:
        """The client has no memory to join fragments in, as some ROMs."""
        for name in ("low", "high"):
            self.sysctl("client", f"net.ipv4.ipfrag_{name}_thresh=0")
        try:
            yield
        finally:
            for name, size in (("high", 4 << 20), ("low", 3 << 20)):
                self.sysctl("client", f"net.ipv4.ipfrag_{name}_thresh={size}")

    def client(self, place: str = "client") -> socket.socket:
        """A machine's socket, with a port that no other one has used."""
        with inside(self.name(place)):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind(("0.0.0.0", next(_ports)))
        made.settimeout(20)
        return made


@pytest.fixture(scope="module")
def path() -> Iterator[Path3]:
    """Three namespaces in a row."""
    sweep()
    made = Path3(f"clonesys-{os.getpid()}-path")
    places = ("appliance", "router", "client")
    try:
        for place in places:
            run("ip", "netns", "add", made.name(place))
            made.ip(place, "link set lo up")
        for near, far, net in (("appliance", "router", "10.78.0"), ("client", "router", "10.79.0")):
            made.ip(near, f"link add eth0 type veth peer name {near} netns {made.name('router')}")
            made.ip(near, f"address add {net}.2/24 brd + dev eth0")
            made.ip(far, f"address add {net}.1/24 brd + dev {near}")
            made.ip(near, "link set eth0 up")
            made.ip(far, f"link set {near} up")
            made.ip(near, f"route add default via {net}.1")
        made.ip("client", f"link set eth0 mtu {MTU}")
        made.ip("router", f"link set client mtu {MTU}")
        made.sysctl("router", "net.ipv4.ip_forward=1")
        yield made
    finally:
        for place in places:
            remove(made.name(place))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Boot files."""
    folder = tmp_path_factory.mktemp("root")
    (folder / "loader.efi").write_bytes(Random(1).randbytes(100_000))
    return folder


def served(path: Path3, root: Path, log: Path, *options: str) -> Netboot:
    """The services on the appliance."""
    prefix = ("ip", "netns", "exec", path.name("appliance"))
    return Netboot(log, f"--root={root}", "--interface=eth0", *options, prefix=prefix)


def agreed(client: socket.socket, blksize: int = 1468) -> tuple[int, tuple[str, int]]:
    """Ask for the loader as edk2 does; the block size that was agreed on, and with whom."""
    client.sendto(b"\0\1loader.efi\0octet\0blksize\0%d\0" % blksize, SERVER)
    oack, source = client.recvfrom(2000)
    words = oack[2:].split(b"\0")
    assert (oack[:2], words[0]) == (b"\0\6", b"blksize")
    return int(words[1]), source


def load(client: socket.socket, block: int, source: tuple[str, int]) -> bytes:
    """The rest of the loader."""
    got, number = bytearray(), 0
    while True:
        client.sendto(b"\0\4" + number.to_bytes(2, "big"), source)
        data = client.recv(2000)
        if data[:2] == b"\0\3" and int.from_bytes(data[2:4], "big") == number + 1:
            got += data[4:]
            number += 1
            if len(data) < 4 + block:
                client.sendto(b"\0\4" + number.to_bytes(2, "big"), source)
                return bytes(got)
        else:
            assert data[:2] == b"\0\3", data


def test_a_full_block_passes_a_narrow_path(path: Path3, root: Path, tmp_path: Path) -> None:
    """Without DF the router cuts it: the loader arrives at the first attempt, whatever ICMP says."""
    with served(path, root, tmp_path / "log"), path.client() as client:
        block, source = agreed(client)
        assert block == 1468
        assert load(client, block, source) == (root / "loader.efi").read_bytes()


def test_the_largest_block_can_be_set(path: Path3, root: Path, tmp_path: Path) -> None:
    """For machines that cannot join what a router has cut: this one drops every fragment."""
    option = f"--tftp-block-size={MTU - 32}"
    with path.dropping_fragments(), served(path, root, tmp_path / "log", option), path.client() as client:
        block, source = agreed(client)
        assert block == MTU - 32
        assert load(client, block, source) == (root / "loader.efi").read_bytes()


def test_blocks_that_do_not_arrive_become_smaller(path: Path3, root: Path, tmp_path: Path) -> None:
    """Without a setting: the first attempt fails, as it must, and the next one gets 512 bytes, which pass."""
    with path.dropping_fragments(), served(path, root, tmp_path / "log"):
        with path.client() as client:
            block, source = agreed(client)
            assert block == 1468
            client.sendto(b"\0\4\0\0", source)

            def next_attempt_is_smaller() -> bool:
                with path.client() as another:
                    size, port = agreed(another)
                    another.sendto(b"\0\5\0\0x\0", port)
                    return size == 512

            until(next_attempt_is_smaller, Deadline.within(30), "a smaller block", every=0.5)
        with path.client() as client:
            assert load(client, *agreed(client)) == (root / "loader.efi").read_bytes()


def forged(number: int) -> bytes:
    """A request in an IP packet of its own, from the ``number``-th address of a network that has none."""
    request = b"\0\1loader.efi\0octet\0timeout\x00255\0"
    source, target = (
        socket.inet_aton(f"10.79.{1 + number // 250}.{1 + number % 250}"),
        socket.inet_aton(SERVER[0]),
    )
    udp = struct.pack("!HHHH", 2070, SERVER[1], 8 + len(request), 0) + request  # 0: no checksum
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, source, target) + udp


def boot(client: socket.socket) -> bytes:
    """What firmware does to load the loader: it asks up to six times."""
    client.settimeout(4)
    for _ in range(6):
        with suppress(TimeoutError):
            return load(client, *agreed(client))
    raise AssertionError("no answer")


def test_ten_thousand_forged_addresses_keep_no_machine_from_booting(
    path: Path3, root: Path, tmp_path: Path
) -> None:
    """None of them ever answers, each asked for 255 s of patience; meanwhile machines load their loader."""
    with inside(path.name("router")):
        forger = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    over = threading.Event()

    def flood() -> None:
        for number in range(10_000):
            forger.sendto(forged(number), (SERVER[0], 0))
            if number % 50 == 0:
                over.wait(0.01)  # five thousand a second: more would only fill the socket's buffer

    with served(path, root, tmp_path / "log") as netboot, forger:
        flooding = threading.Thread(target=flood)
        flooding.start()
        loaded = 0
        while flooding.is_alive() or loaded < 3:
            with path.client() as client:
                assert boot(client) == (root / "loader.efi").read_bytes()
            loaded += 1
        flooding.join()
        assert netboot.running
        netboot.wait_for("more events in a second are not told one by one")
        assert netboot.said().count("\n") < 3000  # of more than twenty thousand


def test_a_request_to_all_is_not_answered(path: Path3, root: Path, tmp_path: Path) -> None:
    """RFC 1123 §4.2.3.5: every TFTP server of the network would send the file."""
    with served(path, root, tmp_path / "log") as netboot, path.client("router") as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"appliance\0")
        for everybody in ("255.255.255.255", "10.78.0.255", "10.78.0.2"):
            client.sendto(b"\0\1%b\0octet\0" % everybody.encode(), (everybody, 69))
        assert client.recv(100)[:4] == b"\0\5\0\1"
        netboot.wait_for("10.78.0.2: there is no such file")
        assert ".255" not in netboot.said()
