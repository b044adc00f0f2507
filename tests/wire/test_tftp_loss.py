"""TFTP over a wire that loses packets, with the kernels of two machines between server and client (root)."""

from __future__ import annotations

import os
import socket
from random import Random
from typing import TYPE_CHECKING

import pytest

from netboot.tftp.packet import Ack
from tests.clients.in_namespace import inside
from tests.clients.lossy_wire import LossyWire
from tests.clients.serving import Netboot
from tests.clients.tftp_link import Client
from tests.lab.command import run
from tests.lab.network import remove, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.wire,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

SERVER = ("10.78.0.1", 69)
CONTENT = Random(1).randbytes(300_000)


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LossyWire, str, Netboot]]:
    """The services, a machine's namespace, and the wire between them."""
    sweep()
    near, far = (f"clonesys-{os.getpid()}-loss-{end}" for end in ("near", "far"))
    folder = tmp_path_factory.mktemp("root")
    (folder / "loader.efi").write_bytes(CONTENT)
    try:
        for namespace in (near, far):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        prefix = ("ip", "netns", "exec", near)
        with (
            LossyWire((near, f"{SERVER[0]}/24"), (far, "10.78.0.2/24"), lambda _: False) as made,
            Netboot(folder / "log", f"--root={folder}", "--interface=wire0", prefix=prefix) as netboot,
        ):
            yield made, far, netboot
    finally:
        for namespace in (near, far):
            remove(namespace)


def load(namespace: str, window: int) -> bytes:
    """Load the loader as edk2 does: whatever does not come next is answered with what came last in order."""
    with inside(namespace):
        bare = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client = Client(1468, window)
    with bare:
        bare.settimeout(4)
        said, to = b"\0\1loader.efi\0octet\0blksize\x001468\0windowsize\0%d\0" % window, SERVER
        bare.sendto(said, to)
        while not client.complete:
            try:
                packet, to = bare.recvfrom(2000)
            except TimeoutError:
                bare.sendto(said, to)
                continue
            for ack in client.receive(packet):
                said = _wire(ack)
                bare.sendto(said, to)
    return bytes(client.got)


def _wire(ack: Ack) -> bytes:
    return b"\0\4" + ack.block.to_bytes(2, "big")


@pytest.mark.parametrize("window", [1, 4, 16])
def test_what_is_lost_comes_again(wire: tuple[LossyWire, str, Netboot], window: int) -> None:
    """One packet in fifty, either way: the loader arrives as it is."""
    cable, machine, netboot = wire
    random = Random(window)
    cable.loses = lambda _: random.random() < 0.02
    try:
        assert load(machine, window) == CONTENT
    finally:
        cable.loses = lambda _: False
    assert netboot.running


@pytest.mark.parametrize("block", [1, 5, 8, 205])
def test_one_lost_block_is_sent_again(wire: tuple[LossyWire, str, Netboot], block: int) -> None:
    """The first block of a window, its last, and the file's last: lost once each."""
    cable, machine, _ = wire
    lost: list[bytes] = []

    def loses(packet: bytes) -> bool:
        hit = packet[28:32] == b"\0\3" + block.to_bytes(2, "big") and not lost
        lost.extend([packet] * hit)
        return hit

    cable.loses = loses
    try:
        assert load(machine, 4) == CONTENT
    finally:
        cable.loses = lambda _: False
    assert lost
