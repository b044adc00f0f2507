"""DNS with dig, and with noise."""

from __future__ import annotations

import socket
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.clients.serving import Netboot
from tests.lab.command import run

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
