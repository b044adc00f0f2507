"""The HTTP application, called as a server calls it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from netboot import render
from netboot.booter import StaticBooter
from netboot.events import Kind
from netboot.http.app import boot_app
from netboot.model import Ignore, Kernel, LocalDisk
from tests.clients.events import ListSink
from tests.clients.packets import HERE, MAC, client

if TYPE_CHECKING:
    from pathlib import Path

    from netboot.model import Boot

KERNEL = Kernel("vmlinuz", ("initramfs.img",), ("quiet",))


@dataclass
class Site:
    """An application with files, and what it told."""

    root: Path
    sink: ListSink
    boot: Boot

    def ask(self, method: str, path: str, **headers: str) -> httpx.Response:
        """One request, to the address of HERE."""

        async def ask() -> httpx.Response:
            app = boot_app(StaticBooter((self.root,), self.boot), self.sink, HERE.http_port)
            transport = httpx.ASGITransport(app, client=("192.0.2.7", 1234))
            async with httpx.AsyncClient(transport=transport, base_url=HERE.url) as session:
                return await session.request(method, path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site that boots a kernel and has one loader."""
    (tmp_path / "snponly.efi").write_bytes(b"0123456789")
    (tmp_path / "vmlinuz").write_bytes(b"kernel")
    return Site(tmp_path, ListSink(), KERNEL)


def test_the_script_is_what_the_booter_decides(site: Site) -> None:
    """A kernel as a script, with the address that the client used."""
    reply = site.ask("GET", f"/boot/script?mac={MAC}&platform=pcbios&buildarch=i386")
    assert (reply.status_code, reply.text) == (200, render.kernel(KERNEL, client(), HERE))
    (event,) = site.sink.events
    assert (event.kind, event.mac, event.address) == (Kind.SCRIPT, MAC, "192.0.2.7")


@pytest.mark.parametrize("name", ["autoexec.ipxe", "boot.ipxe"])
def test_newer_ipxe_finds_the_first_script_beside_its_loader(site: Site, name: str) -> None:
    """Whatever the site's DHCP server says: it is asked for before any DHCP server is."""
    reply = site.ask("GET", f"/boot/blob/{name}")
    assert (reply.status_code, reply.text) == (200, render.bootstrap(HERE))


def test_the_local_disk_is_a_script(site: Site) -> None:
    """By the firmware that asks."""
    site.boot = LocalDisk()
    reply = site.ask("GET", f"/boot/script?mac={MAC}")
    assert reply.text == render.local(client())


def test_ignored_machines_get_the_reason(site: Site) -> None:
    """404, and an event that says why."""
    site.boot = Ignore("unknown host")
    reply = site.ask("GET", f"/boot/script?mac={MAC}")
    assert (reply.status_code, reply.text) == (404, "nothing to boot: unknown host\n")
    assert site.sink.kinds() == [Kind.IGNORED]


def test_bad_queries_are_the_clients_fault(site: Site) -> None:
    """400 with a reason, and nothing told."""
    reply = site.ask("GET", "/boot/script?mac=x")
    assert (reply.status_code, site.sink.events) == (400, [])


def test_a_boot_that_cannot_be_written_is_ours(site: Site) -> None:
    """500 with a reason."""
    site.boot = Kernel("vmlinuz", (), ("two words",))
    reply = site.ask("GET", f"/boot/script?mac={MAC}")
    assert reply.status_code == 500
    assert "cannot stand in a boot script" in reply.text


def test_head_is_as_get_without_the_body(site: Site) -> None:
    """UEFI HTTP boot asks by HEAD first and wants the length and the type."""
    head, get = site.ask("HEAD", "/boot/blob/snponly.efi"), site.ask("GET", "/boot/blob/snponly.efi")
    assert head.content == b""
    assert get.content == b"0123456789"
    for reply in (head, get):
        assert reply.headers["content-length"] == "10"
        assert reply.headers["content-type"] == "application/efi"
    assert site.sink.kinds() == [Kind.BLOB]


def test_ranges(site: Site) -> None:
    """A download that was cut is continued."""
    reply = site.ask("GET", f"/boot/blob/vmlinuz?mac={MAC}", range="bytes=2-3")
    assert (reply.status_code, reply.content) == (206, b"rn")
    assert reply.headers["content-range"] == "bytes 2-3/6"
    assert reply.headers["content-type"] == "application/octet-stream"
    assert site.sink.events[0].mac == MAC


@pytest.mark.parametrize(
    "path", ["/boot/blob/missing", "/boot/blob/%2e%2e/x", "/boot/blob/", "/boot/blob/a/../b"]
)
def test_missing_files(site: Site, path: str) -> None:
    """404, never a redirect."""
    assert site.ask("GET", path).status_code == 404
