"""The services as a whole: starting, failing to start, ending, and a booter that is slow."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from netboot import sockets
from netboot.booter import StaticBooter
from netboot.dhcp.codec.options import MessageType
from netboot.dhcp.codec.packet import parse
from netboot.errors import NetbootError
from netboot.events import Kind
from netboot.service import Settings
from tests.clients.packets import MAC, request
from tests.clients.serving import Netboot, Service
from tests.lab.command import CommandError, run

if TYPE_CHECKING:
    from pathlib import Path

    from netboot.model import Boot, Client, Endpoint

pytestmark = pytest.mark.wire

LOOPBACK = IPv4Address("127.0.0.1")
ANYWHERE = Settings(LOOPBACK, (), 80, 0, 0, 0, 0)
OPTIONS = ("--listen=127.0.0.1", *(f"--{name}-port=0" for name in ("dhcp", "binl", "tftp", "http", "dns")))


def test_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    """Exit status 0, without a word."""
    with Netboot(tmp_path / "log", *OPTIONS) as netboot:
        assert set(netboot.ports) == {"dhcp", "binl", "tftp", "http", "dns"}
        assert netboot.stop() == 0
    assert len(netboot.said().splitlines()) == 1


def test_a_taken_port_is_explained_and_nothing_stays_open() -> None:
    """The error names the holder; what was bound before it is free again."""
    with sockets.open_udp(LOOPBACK, 0) as holder, sockets.open_udp(sockets.ANY, 0) as trial:
        taken, dhcp = sockets.port_of(holder), sockets.port_of(trial)
        trial.close()
        settings = Settings(LOOPBACK, (), 80, dhcp, 0, taken, None)
        with pytest.raises(NetbootError, match=f"UDP port {taken} is taken by .*pid"):
            Service(settings, StaticBooter(())).__enter__()
    with sockets.open_udp(sockets.ANY, dhcp):
        pass


def test_the_command_line_explains_too() -> None:
    """``error:`` and ``hint:`` lines, status 1, for ports, addresses and files."""
    with sockets.open_udp(LOOPBACK, 0) as holder:
        command = (sys.executable, "-m", "netboot")
        with pytest.raises(CommandError, match=r"error: UDP port \d+ is taken by .*\nhint: ") as caught:
            run(*command, *OPTIONS, f"--tftp-port={sockets.port_of(holder)}")
        assert caught.value.status == 1
        with pytest.raises(CommandError, match="error: 'nowhere' is no IPv4 address"):
            run(*command, "--listen=nowhere")
        with pytest.raises(CommandError, match="error: /nowhere is no file"):
            run(*command, "--kernel=/nowhere")


def test_an_output_that_is_not_read_delays_no_answer(tmp_path: Path) -> None:
    """More events than a pipe holds, and nothing takes them: all are answered, and SIGTERM ends it."""
    command = (sys.executable, "-m", "netboot", *OPTIONS)
    with (
        (tmp_path / "errors").open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as netboot,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        assert netboot.stdout is not None
        ready = netboot.stdout.readline()
        port = int(ready.partition("binl=")[2].split()[0])
        client.settimeout(30)
        asked = request(MessageType.REQUEST, address="127.0.0.1").encode()
        for number in range(3000):  # a pipe holds 64 kB
            client.sendto(asked[:28] + b"\2\0" + number.to_bytes(4, "big") + asked[34:], ("127.0.0.1", port))
            assert parse(client.recv(1500)).mac.startswith("02:00:")
        netboot.terminate()
        assert netboot.wait(30) == 0


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="a receive buffer beyond net.core.rmem_max needs root")
def test_two_thousand_machines_at_once_are_all_answered(tmp_path: Path) -> None:
    """A hall is powered on: none is dropped because others were quicker."""
    asked = request(MessageType.REQUEST, address="127.0.0.1").encode()
    machines = [b"\2\1" + number.to_bytes(4, "big") for number in range(2000)]
    answered: set[bytes] = set()
    with Netboot(tmp_path / "log", *OPTIONS) as netboot, ExitStack() as stack:
        clients = [  # a hundred answers fit into what the kernel keeps for one socket
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(20)
        ]
        for number, mac in enumerate(machines):
            packet = asked[:28] + mac + asked[34:]
            clients[number % 20].sendto(packet, ("127.0.0.1", netboot.ports["binl"]))
        for client in clients:
            client.settimeout(30)
            answered |= {parse(client.recv(1500)).chaddr for _ in range(100)}
    assert answered == set(machines)


class Broken(StaticBooter):
    """A booter with a bug."""

    def decide(self, client: Client, here: Endpoint) -> Boot:
        """Fails for one machine."""
        if client.mac == MAC:
            raise RuntimeError("what is this machine?")
        return super().decide(client, here)


def test_a_broken_decision_is_told_and_not_answered() -> None:
    """The services go on, and the event says what was wrong."""
    first = request(MessageType.REQUEST, address="127.0.0.1").encode()
    second = first[:28] + bytes.fromhex("525400990001") + first[34:]
    with Service(ANYWHERE, Broken(())) as service, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        assert service.ports is not None
        client.settimeout(30)
        client.sendto(first, ("127.0.0.1", service.ports.binl))
        ignored = service.sink.wait_for(Kind.IGNORED)
        assert (ignored.mac, ignored.detail) == (MAC, "no decision: what is this machine?")
        client.sendto(second, ("127.0.0.1", service.ports.binl))
        assert parse(client.recv(1500)).mac == "52:54:00:99:00:01"
