"""TFTP with real clients: tftp-hpa, tftpy, and bare sockets for what those cannot say."""

from __future__ import annotations

import shutil
import socket
from random import Random
from typing import TYPE_CHECKING

import pytest
from tftpy.TftpClient import TftpClient

from tests.clients.serving import Netboot
from tests.lab.command import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.wire

SIZES = {"empty": 0, "short": 511, "exact": 1024, "loader.efi": 200_001}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Netboot, Path]]:
    """The services with files of all awkward sizes."""
    root = tmp_path_factory.mktemp("root")
    for name, size in SIZES.items():
        (root / name).write_bytes(Random(size).randbytes(size))
    anywhere = [f"--{name}-port=0" for name in ("dhcp", "binl", "tftp", "http")]
    log = tmp_path_factory.mktemp("log") / "netboot.log"
    with Netboot(log, "--listen=127.0.0.1", f"--root={root}", *anywhere) as netboot:
        yield netboot, root


@pytest.mark.parametrize("name", SIZES)
def test_tftp_hpa(served: tuple[Netboot, Path], tmp_path: Path, name: str) -> None:
    """Debian's usual client gets every file as it is."""
    netboot, root = served
    assert shutil.which("tftp"), "install tftp-hpa"
    target = tmp_path / name
    run("tftp", "-m", "binary", "127.0.0.1", str(netboot.ports["tftp"]), "-c", "get", name, target)
    assert target.read_bytes() == (root / name).read_bytes()


@pytest.mark.parametrize("blksize", [8, 512, 1468, 65464])
def test_tftpy(served: tuple[Netboot, Path], tmp_path: Path, blksize: int) -> None:
    """A client with options; on loopback the MTU allows large blocks."""
    netboot, root = served
    client = TftpClient("127.0.0.1", netboot.ports["tftp"], {"blksize": blksize, "tsize": 0})
    client.download("\\loader.efi", str(tmp_path / "got"))
    assert (tmp_path / "got").read_bytes() == (root / "loader.efi").read_bytes()


def ask(netboot: Netboot, request: bytes) -> tuple[socket.socket, bytes, tuple[str, int]]:
    """Send a first packet; returns the socket, the answer, and where it came from."""
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(10)
    client.sendto(request, ("127.0.0.1", netboot.ports["tftp"]))
    answer, source = client.recvfrom(65535)
    return client, answer, source


@pytest.mark.parametrize("window", [2, 7, 64])
def test_windows(served: tuple[Netboot, Path], window: int) -> None:
    """RFC 7440: so many blocks per acknowledgement, at most the 16 that we agree to."""
    netboot, root = served
    request = b"\0\1loader.efi\0octet\0blksize\x001024\0windowsize\0%d\0" % window
    client, oack, source = ask(netboot, request)
    agreed = min(window, 16)
    assert oack == b"\0\6blksize\x001024\0windowsize\0%d\0" % agreed
    got, block, last = bytearray(), 0, False
    with client:
        while not last:
            client.sendto(b"\0\4" + block.to_bytes(2, "big"), source)
            for _ in range(agreed):
                packet = client.recv(65535)
                block += 1
                assert packet[:4] == b"\0\3" + block.to_bytes(2, "big")
                got += packet[4:]
                last = len(packet) < 4 + 1024
                if last:
                    break
        client.sendto(b"\0\4" + block.to_bytes(2, "big"), source)
    assert bytes(got) == (root / "loader.efi").read_bytes()


def test_lost_packets_come_again(served: tuple[Netboot, Path]) -> None:
    """Without an acknowledgement the block is repeated, from the same port."""
    client, first, source = ask(served[0], b"\0\1short\0octet\0")
    with client:
        assert client.recvfrom(65535) == (first, source)
        client.sendto(b"\0\4\0\1", source)


def test_size_probe(served: tuple[Netboot, Path]) -> None:
    """As edk2 does: ask for the size, abort. It is told as a probe."""
    client, oack, source = ask(served[0], b"\0\1short\0octet\0tsize\x000\0")
    with client:
        assert oack == b"\0\6tsize\x00511\0"
        client.sendto(b"\0\5\0\x08User aborted\0", source)
    served[0].wait_for("tftp-probe - 127.0.0.1 short: 511 bytes")


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (b"\0\1missing\0octet\0", 1),
        (b"\0\1../../etc/passwd\0octet\0", 2),
        (b"\0\2short\0octet\0", 2),
        (b"\0\1short\0netascii\0", 4),
    ],
)
def test_refusals(served: tuple[Netboot, Path], request_bytes: bytes, code: int) -> None:
    """Missing files, climbing names, writing, and text mode, each with its code."""
    client, answer, _ = ask(served[0], request_bytes)
    client.close()
    assert answer[:4] == b"\0\5\0" + bytes([code])


def test_scripts_name_the_address_that_was_asked(served: tuple[Netboot, Path]) -> None:
    """The bootstrap is made for each request."""
    client, data, source = ask(served[0], b"\0\1/boot.ipxe\0octet\0blksize\x001468\0")
    with client:
        client.sendto(b"\0\4\0\0", source)
        data = client.recv(65535)
        client.sendto(b"\0\4\0\1", source)
    assert f"http://127.0.0.1:{served[0].ports['http']}/boot/script".encode() in data


def test_garbage_stops_nothing(served: tuple[Netboot, Path], tmp_path: Path) -> None:
    """Everything that kills other servers, and then a file."""
    netboot, _ = served
    noise = [Random(seed).randbytes(seed % 50) for seed in range(100)]
    killers = [
        b"",
        b"\0",
        b"\0\6blksi",
        b"\0\1n\xc3\xa4me\0octet\0",
        b"\0\1a\0octet\0blksize\0abc\0",
        b"\0\1",
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for packet in noise + killers:
            client.sendto(packet, ("127.0.0.1", netboot.ports["tftp"]))
    test_tftp_hpa(served, tmp_path, "loader.efi")
    assert netboot.running
