"""Boot files and scripts with curl, from the real HTTP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.serving import Netboot
from tests.lab.command import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.wire

CONTENT = bytes(range(256)) * 1000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the services with one loader and a kernel."""
    root = tmp_path_factory.mktemp("root")
    (root / "snponly.efi").write_bytes(CONTENT)
    (root / "vmlinuz").write_bytes(b"kernel")
    anywhere = [f"--{name}-port=0" for name in ("dhcp", "binl", "tftp", "http")]
    log = tmp_path_factory.mktemp("log") / "netboot.log"
    kernel = (f"--kernel={root / 'vmlinuz'}", "--append=console=ttyS0 quiet")
    with Netboot(log, "--listen=127.0.0.1", f"--root={root}", *kernel, *anywhere) as netboot:
        yield f"http://127.0.0.1:{netboot.ports['http']}"


def test_head_then_get(site: str, tmp_path: Path) -> None:
    """What UEFI HTTP boot does: the length by HEAD, then the file, over one connection."""
    url = f"{site}/boot/blob/snponly.efi"
    head = run("curl", "-sSf", "--head", url).lower()
    assert head.startswith("http/1.1 200")
    assert f"content-length: {len(CONTENT)}" in head
    assert "content-type: application/efi" in head
    log = run("curl", "-sSfv", "--stderr", "-", "-o", tmp_path / "a", url, "-o", tmp_path / "b", url)
    assert "Re-using existing connection" in log
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == CONTENT


def test_a_script_names_the_address_that_was_asked(tmp_path: Path) -> None:
    """Listening everywhere, as a rule: the kernel knows at which of our addresses the client reached us."""
    anywhere = [f"--{name}-port=0" for name in ("dhcp", "binl", "tftp", "http")]
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(b"kernel")
    with Netboot(tmp_path / "log", f"--kernel={kernel}", *anywhere) as netboot:
        for address in ("127.0.0.1", "127.0.0.2"):
            ours = f"http://{address}:{netboot.ports['http']}"
            script = run("curl", "-sSf", f"{ours}/boot/script?mac=52:54:00:00:00:01")
            assert f"kernel --name vmlinuz {ours}/boot/blob/vmlinuz" in script


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("0-0", CONTENT[:1]),
        ("5-1004", CONTENT[5:1005]),
        ("255000-", CONTENT[255000:]),
        ("-256", CONTENT[-256:]),
    ],
)
def test_ranges(site: str, tmp_path: Path, wanted: str, expected: bytes) -> None:
    """Parts of a file, as a continued download wants them."""
    target = tmp_path / "part"
    url = f"{site}/boot/blob/snponly.efi"
    assert run("curl", "-sS", "-r", wanted, "-w", "%{http_code}", "-o", target, url) == "206"
    assert target.read_bytes() == expected


def test_script(site: str) -> None:
    """The kernel's script, with URLs that lead back here."""
    script = run("curl", "-sSf", f"{site}/boot/script?mac=52:54:00:00:00:01&platform=efi&buildarch=x86_64")
    assert script.startswith("#!ipxe\n")
    assert f"{site}/boot/blob/vmlinuz?mac=52:54:00:00:00:01 console=ttyS0 quiet BOOTIF=" in script


def test_missing(site: str) -> None:
    """No redirects, no surprises."""
    for path in ("/boot/blob/missing", "/boot//blob/snponly.efi", "/"):
        assert run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"{site}{path}") == "404"
