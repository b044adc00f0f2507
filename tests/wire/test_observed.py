"""Machines that are only observed: what is known of them, by DHCP, by contacts, by having been hosts."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from netboot.events import Event, Kind
from netboot.model import Client, Endpoint, Ignore
from netboot.service import Settings
from provisioner.base.errors import ExitStatus
from provisioner.cli import run
from provisioner.hosts import registry, sightings
from tests.clients import people
from tests.clients.api import MAC, NOW, OTHER_MAC, Api, api
from tests.clients.packets import captured
from tests.clients.serving import Service

UUID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(name="site")
def site_(tmp_path: Path) -> Iterator[Api]:
    """An appliance with a host."""
    with api(tmp_path / "home") as site:
        people.add_host(site.database, "pc1", [MAC], now=NOW)
        yield site


def test_what_dhcp_tells_stays(site: Api) -> None:
    """Firmware and UUID; a later packet that tells less takes nothing away."""
    asked = Event(NOW, Kind.DISCOVER, OTHER_MAC, None, "uefi-x64 rom", "uefi-x64", UUID)
    later = Event(NOW + 1, Kind.IGNORED, OTHER_MAC, "192.0.2.9", "unknown host")
    sightings.record(site.database, [asked, later])
    sightings.record(site.database, [Event(NOW + 2, Kind.IGNORED, OTHER_MAC, None, "unknown host")])
    (seen,) = registry.list_observed(site.database)
    assert (seen.architecture, seen.uuid, seen.address, seen.times) == ("uefi-x64", UUID, "192.0.2.9", 3)
    page = site.get("/").text
    assert UUID in page
    assert "uefi-x64" in page


def test_a_host_that_is_removed_is_observed_with_all_that_was_known(
    site: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    """Vendor, model, serial and UUID; adopted again, it keeps them."""
    site.contact(site.nonce())
    people.remove_host(site.database, "pc1", now=NOW)
    (seen,) = site.get("/api/v1/observed").json()
    assert (seen["mac"], seen["vendor"], seen["model"], seen["serial"]) == (MAC, "QEMU", "pc", "S1")
    assert seen["uuid"] == UUID
    base = ["--home", str(site.home)]
    assert run([*base, "host", "list"]) == 0
    said = capsys.readouterr().out
    for word in ("QEMU pc", "S1", UUID):
        assert word in said
    assert run([*base, "host", "adopt", MAC, "pc7"]) == 0
    capsys.readouterr()
    assert run([*base, "host", "show", "pc7", "--json"]) == 0
    host = json.loads(capsys.readouterr().out)
    assert (host["serial"], host["uuid"]) == ("S1", UUID)


def test_the_contact_of_a_machine_that_is_no_host_tells_what_it_is(site: Api) -> None:
    """It was removed while it booted."""
    nonce = site.nonce()
    people.remove_host(site.database, "pc1", now=NOW)
    assert site.contact(nonce).status_code == 403
    (seen,) = registry.list_observed(site.database)
    assert (seen.vendor, seen.model, seen.serial, seen.uuid) == ("QEMU", "pc", "S1", UUID)


def test_a_mac_that_was_never_seen_is_not_adopted(site: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """Of several, none is then; 'host add' takes it."""
    sightings.record(site.database, [Event(NOW, Kind.IGNORED, OTHER_MAC, None, "unknown host")])
    base = ["--home", str(site.home)]
    typed = "52-54-00-00-00-99"
    assert run([*base, "host", "adopt", OTHER_MAC, "pc2", typed, "pc3"]) == ExitStatus.REFUSED
    said = capsys.readouterr().err
    assert "no machine with the MAC 52:54:00:00:00:99 was ever seen" in said
    assert "clonesys host add pc3 --mac 52:54:00:00:00:99" in said
    assert [host.name for host in people.list_hosts(site.database)] == ["pc1"]
    assert run([*base, "host", "add", "pc3", "--mac", typed]) == 0
    assert run([*base, "host", "adopt", OTHER_MAC, "pc2", "--json"]) == 0
    assert [host.name for host in people.list_hosts(site.database)] == ["pc1", "pc2", "pc3"]


class Nobody:
    """A booter that knows no machine."""

    def decide(self, client: Client, here: Endpoint) -> Ignore:
        """Not ours."""
        del client, here
        return Ignore("unknown host")

    def locate(self, name: str) -> None:
        """Nothing."""
        del name


def test_a_discover_of_real_firmware_tells_its_uuid() -> None:
    """As edk2 sends it."""
    settings = Settings(
        listen=IPv4Address("127.0.0.1"), dhcp_port=0, binl_port=0, tftp_port=0, dns_port=None, http_port=80
    )
    with Service(settings, Nobody()) as service:
        assert service.ports is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(captured("edk2-discover"), ("127.0.0.1", service.ports.dhcp))
            event = service.sink.wait_for(Kind.DISCOVER)
    assert event.architecture == "uefi-x64"
    assert len(event.uuid) == 36
