"""TFTP with real clients: tftp-hpa, tftpy, and bare sockets for what those cannot say."""

from __future__ import annotations

import resource
import shutil
import socket
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address
from random import Random
from typing import TYPE_CHECKING

import pytest
from tftpy.TftpClient import TftpClient

from netboot.events import Kind
from netboot.model import LocalDisk
from netboot.service import Settings
from tests.clients.serving import Netboot, Service
from tests.lab.command import run
from tests.lab.waiting import Deadline, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from netboot.model import Boot, Client, Endpoint

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
        (b"\0\1short\0mail\0", 4),
        (b"\0\1without-mode\0", 4),
        (b"\0\1without-zero", 4),
        (b"\0\1n\xc3\xa4me\0octet\0", 2),
        (b"\0\1n\nme\0octet\0", 2),
        (b"\0\1short\0octet\0".ljust(2000, b"x"), 4),
    ],
)
def test_refusals(served: tuple[Netboot, Path], request_bytes: bytes, code: int) -> None:
    """Whatever cannot be served is answered, each with its code, and told."""
    before = served[0].said().count("tftp-failed")
    client, answer, _ = ask(served[0], request_bytes)
    client.close()
    assert answer[:4] == b"\0\5\0" + bytes([code])
    assert answer.endswith(b"\0")
    until(lambda: served[0].said().count("tftp-failed") == before + 1, Deadline.within(30), "its event")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\0\1short\0octet\0multicast\0\0",
        b"\0\1short\0octet\0vendor\0\0",
        b"\0\1short\0octet\0".ljust(64, b"\0"),
        b"\0\1short\0octet",
        b"\0\1short\0octet\0blksize\0",
        b"\0\1short\xff\0octet\0",
    ],
)
def test_requests_as_firmware_writes_them(served: tuple[Netboot, Path], request_bytes: bytes) -> None:
    """Empty values, stray and missing zeros, and a stray end mark: the file comes."""
    client, answer, source = ask(served[0], request_bytes)
    with client:
        assert answer == b"\0\3\0\1" + (served[1] / "short").read_bytes()
        client.sendto(b"\0\4\0\1", source)


def test_what_is_no_request_is_told_and_not_answered(served: tuple[Netboot, Path]) -> None:
    """An answer to garbage is what two servers would send each other for ever."""
    netboot, _ = served
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        for packet in (b"\0\4\0\1", b"\0\5\0\0x\0", b"\0\3\0\1x", b"nonsense"):
            client.sendto(packet, ("127.0.0.1", netboot.ports["tftp"]))
        client.sendto(b"\0\1missing\0octet\0", ("127.0.0.1", netboot.ports["tftp"]))
        assert client.recv(100)[:4] == b"\0\5\0\1"  # of five packets, the last one's
    netboot.wait_for("ignored - 127.0.0.1 at the TFTP port: Ack belongs to a transfer")
    netboot.wait_for("ignored - 127.0.0.1 at the TFTP port: not TFTP")


def load(client: socket.socket, first: bytes, source: tuple[str, int], *, block: int = 512) -> bytes:
    """Acknowledge what comes from ``source`` until the file ends; nothing may come from elsewhere."""
    got, packet = bytearray(), first
    if packet[:2] == b"\0\6":
        client.sendto(b"\0\4\0\0", source)
        packet, sender = client.recvfrom(65535)
        assert sender == source
    while True:
        assert packet[:2] == b"\0\3"
        got += packet[4:]
        client.sendto(b"\0\4" + packet[2:4], source)
        if len(packet) < 4 + block:
            return bytes(got)
        packet, sender = client.recvfrom(65535)
        assert sender == source


def test_another_file_from_the_same_port_takes_the_place_of_the_first(served: tuple[Netboot, Path]) -> None:
    """A machine that was reset, or a ROM with one port for all: answered at once, the old blocks stop."""
    netboot, root = served
    client, first, old = ask(netboot, b"\0\1exact\0octet\0")
    with client:
        assert first[:4] == b"\0\3\0\1"
        client.sendto(b"\0\4\0\1", old)
        assert client.recvfrom(65535)[0][:4] == b"\0\3\0\2"
        client.sendto(b"\0\1loader.efi\0octet\0", ("127.0.0.1", netboot.ports["tftp"]))
        first, new = client.recvfrom(65535)
        assert new != old
        assert load(client, first, new) == (root / "loader.efi").read_bytes()
    netboot.wait_for("tftp-failed - 127.0.0.1 exact: the client asks for loader.efi instead")


def test_the_same_request_again_is_a_duplicate_until_it_is_answered(served: tuple[Netboot, Path]) -> None:
    """One transfer, not two. After an acknowledgement, and some silence, it is a machine that starts anew."""
    netboot, root = served
    request_ = b"\0\1loader.efi\0octet\0"
    client, first, old = ask(netboot, request_)
    with client:
        client.sendto(request_, ("127.0.0.1", netboot.ports["tftp"]))
        client.sendto(b"\0\4\0\1", old)
        second, source = client.recvfrom(65535)
        assert (second[:4], source) == (b"\0\3\0\2", old)

        def asked_again() -> bool:
            client.sendto(request_, ("127.0.0.1", netboot.ports["tftp"]))
            sender: tuple[str, int] = client.recvfrom(65535)[1]
            return sender != old

        until(asked_again, Deadline.within(30), "an answer from a new port")
    assert first[4:] == (root / "loader.efi").read_bytes()[:512]


def test_clients_that_never_answer_keep_nobody_waiting(served: tuple[Netboot, Path], tmp_path: Path) -> None:
    """Three hundred requests that ask for 255 s of patience, then one that is meant."""
    netboot, _ = served
    with ExitStack() as stack:
        for _ in range(300):
            dead = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            dead.bind(("127.0.0.2", 0))
            dead.sendto(b"\0\1loader.efi\0octet\0timeout\x00255\0", ("127.0.0.1", netboot.ports["tftp"]))
        test_tftp_hpa(served, tmp_path, "loader.efi")


def test_it_ends_cleanly_while_requests_run_and_wait(tmp_path: Path) -> None:
    """Two hundred from one address: 32 run, 128 wait. Exit status 0, without a traceback."""
    (tmp_path / "file").write_bytes(bytes(1000))
    anywhere = [f"--{name}-port=0" for name in ("dhcp", "binl", "tftp", "http")]
    with Netboot(tmp_path / "log", "--listen=127.0.0.1", f"--root={tmp_path}", *anywhere) as netboot:
        with ExitStack() as stack:
            for _ in range(200):
                dead = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                dead.sendto(b"\0\1file\0octet\0", ("127.0.0.1", netboot.ports["tftp"]))
            netboot.wait_for("32 transfers run and 128 wait already")
            netboot.stop()
        assert "Traceback" not in netboot.said()
        assert "RuntimeError" not in netboot.said()


class Broken:
    """A booter with a bug, and a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def decide(self, client: Client, here: Endpoint) -> Boot:
        """Not asked here."""
        del client, here
        return LocalDisk()

    def locate(self, name: str) -> Path | None:
        """The file, or a bug."""
        if name == "bug":
            raise ZeroDivisionError
        return self.path


def test_a_bug_in_one_transfer_is_told_and_ends_that_one(tmp_path: Path) -> None:
    """With a traceback in the log, an event and an ERROR; the next transfer is served."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    settings = Settings(IPv4Address("127.0.0.1"), (), 80, 0, 0, 0, None)
    with (
        Service(settings, Broken(path)) as service,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        assert service.ports is not None
        client.settimeout(30)
        client.sendto(b"\0\1bug\0octet\0", ("127.0.0.1", service.ports.tftp))
        assert client.recv(100) == b"\0\5\0\0internal error\0"
        failed = service.sink.wait_for(Kind.TFTP_FAILED)
        assert failed.detail == "bug: internal error: ZeroDivisionError()"
        client.sendto(b"\0\1file\0octet\0", ("127.0.0.1", service.ports.tftp))
        data, source = client.recvfrom(100)
        assert data == b"\0\3\0\1content"
        client.sendto(b"\0\4\0\1", source)


def test_a_transfer_without_a_socket_is_told_and_ends_that_one(tmp_path: Path) -> None:
    """No descriptor is left: the request is refused with the reason, and the services live."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    settings = Settings(IPv4Address("127.0.0.1"), (), 80, 0, 0, 0, None)
    with (
        Service(settings, Broken(path)) as service,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        assert service.ports is not None
        client.settimeout(30)
        client.sendto(b"\0\1file\0octet\0", ("127.0.0.1", service.ports.tftp))
        source = client.recvfrom(100)[1]  # held in memory now, for a second
        client.sendto(b"\0\4\0\1", source)
        service.sink.wait_for(Kind.TFTP_DONE)
        with no_descriptors():
            client.sendto(b"\0\1file\0octet\0", ("127.0.0.1", service.ports.tftp))
            failed = service.sink.wait_for(Kind.TFTP_FAILED)
        assert "Too many open files" in failed.detail
        assert client.recv(100)[:4] == b"\0\5\0\0"
        client.sendto(b"\0\1file\0octet\0", ("127.0.0.1", service.ports.tftp))
        assert client.recv(100) == b"\0\3\0\1content"


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Let this process open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # poll(2) looks at it, too
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


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
