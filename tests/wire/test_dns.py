"""DNS with dig, and with noise."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from ipaddress import IPv4Address
from random import Random
from typing import TYPE_CHECKING

import dnslib
import pytest

from netboot.booter import StaticBooter
from netboot.service import Settings
from tests.clients.serving import Netboot, Service
from tests.lab.command import run
from tests.lab.waiting import Deadline, until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def netboot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Netboot]:
    """The services with two names for one host."""
    anywhere = [f"--{name}-port=0" for name in ("dhcp", "binl", "tftp", "http", "dns")]
    hosts = ("--host=rifpc12=10.0.0.12", "--host=pc.example=10.0.0.12")
    log = tmp_path_factory.mktemp("log") / "netboot.log"
    with Netboot(log, "--listen=127.0.0.1", *hosts, *anywhere) as running:
        yield running


def dig(netboot: Netboot, *words: str) -> str:
    """The output of dig, asked of us."""
    return run("dig", "@127.0.0.1", "-p", str(netboot.ports["dns"]), "+tries=1", *words)


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_names_and_addresses(netboot: Netboot, transport: str) -> None:
    """Both ways, over UDP and TCP."""
    assert dig(netboot, transport, "+short", "PC.example") == "10.0.0.12\n"
    assert dig(netboot, transport, "+short", "-x", "10.0.0.12") == "rifpc12.\n"


def test_what_is_not_ours(netboot: Netboot) -> None:
    """REFUSED, and no data for IPv6 of a name of ours."""
    assert "status: REFUSED" in dig(netboot, "example.com")
    assert "status: NOERROR" in dig(netboot, "rifpc12", "AAAA")


def test_garbage_stops_nothing(netboot: Netboot) -> None:
    """Noise over UDP, nonsense over TCP, then a question."""
    address = ("127.0.0.1", netboot.ports["dns"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
        for seed in range(100):
            noise.sendto(Random(seed).randbytes(seed), address)
    with socket.create_connection(address, 10) as wrong:
        wrong.sendall(b"\0\5wrong")
        assert wrong.recv(100) == b""
    test_names_and_addresses(netboot, "+tcp")
    test_names_and_addresses(netboot, "+notcp")


def connections(netboot: Netboot, stack: ExitStack, address: str, count: int) -> list[socket.socket]:
    """So many TCP connections from one address, without a question."""
    return [
        stack.enter_context(socket.create_connection(("127.0.0.1", netboot.ports["dns"]), 10, (address, 0)))
        for _ in range(count)
    ]


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has hung up."""
    connection.settimeout(0)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_one_address_has_so_many_connections(netboot: Netboot) -> None:
    """Six hundred from one address: it keeps eight, and others are answered."""
    with ExitStack() as stack:
        idle = connections(netboot, stack, "127.0.0.2", 600)
        until(lambda: sum(not is_closed(one) for one in idle) <= 8, Deadline.within(30), "the limit")
        assert dig(netboot, "+tcp", "+short", "rifpc12") == "10.0.0.12\n"


def test_the_longest_idle_connection_makes_room(netboot: Netboot) -> None:
    """All places are taken, by several addresses: the next one to ask is answered."""
    with ExitStack() as stack:
        for number in range(2, 15):
            connections(netboot, stack, f"127.0.0.{number}", 8)
        assert dig(netboot, "+tcp", "+short", "rifpc12") == "10.0.0.12\n"


def test_a_flood_of_questions_stops_nobody_else(netboot: Netboot) -> None:
    """Five thousand questions at once from one address; TFTP and another address's question are answered."""
    question = dnslib.DNSRecord.question("rifpc12").pack()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
        flood.bind(("127.0.0.2", 0))
        for _ in range(5000):
            flood.sendto(question, ("127.0.0.1", netboot.ports["dns"]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(b"\0\1boot.ipxe\0octet\0blksize\x001428\0", ("127.0.0.1", netboot.ports["tftp"]))
        assert client.recv(100)[:2] == b"\0\6"
    assert dig(netboot, "+notcp", "+short", "rifpc12") == "10.0.0.12\n"
    netboot.wait_for("WARNING: DNS: more questions than are answered, at last from 127.0.0.2")


def test_long_questions_are_not_waited_for(netboot: Netboot) -> None:
    """64 kB announced: hung up at once, and not read."""
    with socket.create_connection(("127.0.0.1", netboot.ports["dns"]), 10) as wrong:
        wrong.sendall(b"\xff\xff")
        assert wrong.recv(1) == b""


class Broken:
    """A zone with a bug in one name."""

    def lookup(self, name: str) -> list[IPv4Address]:
        """An address, or the bug."""
        if name == "bug":
            raise ZeroDivisionError
        return [IPv4Address("10.0.0.1")]

    def reverse(self, address: IPv4Address) -> str | None:
        """Nothing."""
        del address
        return None


def test_a_bug_in_one_answer_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is in the log, with its traceback; the next question is answered."""
    settings = Settings(IPv4Address("127.0.0.1"), (), 80, 0, 0, 0, 0)
    with (
        Service(settings, StaticBooter(()), Broken()) as service,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        assert service.ports is not None
        client.settimeout(10)
        for name in ("bug", "good"):
            client.sendto(dnslib.DNSRecord.question(name).pack(), ("127.0.0.1", service.ports.dns or 0))
        answer = dnslib.DNSRecord.parse(client.recv(512))
        assert [str(record.rdata) for record in answer.rr] == ["10.0.0.1"]
    assert "ZeroDivisionError" in caplog.text
