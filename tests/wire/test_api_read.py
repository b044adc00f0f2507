"""What people and programs read: the API behind a password, and the pages."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from initramfs import messages
from initramfs.messages import StepState
from netboot.events import Event, Kind
from provisioner.cli import run
from provisioner.hosts import sightings
from tests.clients import people
from tests.clients.api import MAC, NOW, OTHER_MAC, Api, api, reports

JOB = messages.Job(0, "inventory", messages.TakeInventory())


@pytest.fixture(name="site")
def site_(tmp_path: Path) -> Iterator[Api]:
    """An appliance with a host that is at work, and a machine that nobody knows."""
    with api(tmp_path / "home") as site:
        people.add_host(site.database, "pc1", [MAC], aliases=["www"], now=NOW)
        people.queue_job(site.database, "pc1", JOB, now=NOW)
        given = site.assignment(site.contact(site.nonce()))
        site.post("/api/v1/agent/jobs/1/reports", reports(1, ("write", StepState.STARTED)), given.token)
        asked = Event(NOW, Kind.IGNORED, OTHER_MAC, "192.0.2.9", "unknown host")
        sightings.record(site.database, [asked])
        yield site


@pytest.mark.parametrize("path", ["/", "/jobs/1", "/api/v1/hosts", "/api/v1/events", "/fragments/hosts"])
def test_needs_the_password(site: Api, path: str) -> None:
    """Without the administrator's name and password nothing is told."""
    assert site.request("GET", path).status_code == 401
    assert site.request("GET", path, auth=("admin", "wrong")).status_code == 401
    assert site.request("GET", path, auth=("root", site.password)).status_code == 401
    assert site.get(path).status_code == 200


def test_health_is_open(site: Api) -> None:
    """Whoever watches the appliance needs no password."""
    assert site.request("GET", "/api/v1/health").json() == {"status": "ok"}


def test_hosts(site: Api) -> None:
    """A host by name or alias, with its job and steps; an unknown one is 404 with a hint."""
    (host,) = site.get("/api/v1/hosts").json()
    assert host == site.get("/api/v1/hosts/www").json()
    assert (host["name"], host["macs"], host["job"]["state"]) == ("pc1", [MAC], "running")
    assert host["job"]["steps"][0]["done"] == 50
    missing = site.get("/api/v1/hosts/pc9")
    assert missing.status_code == 404
    assert set(missing.json()) == {"detail", "hint"}


def test_jobs_and_log(site: Api) -> None:
    """Jobs by host, one job, its log."""
    assert [job["id"] for job in site.get("/api/v1/jobs?host=pc1").json()] == [1]
    assert site.get("/api/v1/jobs/1").json()["action"] == "inventory"
    assert site.get("/api/v1/jobs/1/log").json()[0]["text"] == "Step write"
    assert site.get("/api/v1/jobs/2").status_code == 404


def test_timeline(site: Api) -> None:
    """Events of one machine in any notation of its MAC, and what came after one of them."""
    assert [event["kind"] for event in site.get("/api/v1/events?mac=525400000002").json()] == ["ignored"]
    every = site.get("/api/v1/events").json()
    assert site.get(f"/api/v1/events?after={every[0]['id']}").json() == every[1:]
    assert site.get("/api/v1/events?mac=nonsense").status_code == 400


def test_observed(site: Api) -> None:
    """The machine that nobody knows is listed."""
    assert [machine["mac"] for machine in site.get("/api/v1/observed").json()] == [OTHER_MAC]


def test_openapi_describes_the_wire(site: Api) -> None:
    """The description has every message an agent sends, and every reference in it leads somewhere."""
    description = site.request("GET", "/api/v1/openapi.json")
    schemas = description.json()["components"]["schemas"]
    assert {"Contact", "Reports", "Signed", "Statement", "Result", "PhoneHome", "Inventory"} <= set(schemas)
    for word in description.text.split('"'):
        if word.startswith("#/components/schemas/"):
            assert word.rsplit("/", 1)[1] in schemas


def test_boot_routes_are_there(site: Api) -> None:
    """A known machine with nothing to do gets a script, an unknown one none; its job would give a kernel."""
    script = site.request("GET", f"/boot/script?mac={MAC}&platform=efi&buildarch=x86_64")
    assert script.status_code == 200
    assert "clonesys.nonce=" in script.text
    assert site.request("GET", f"/boot/script?mac={OTHER_MAC}").status_code == 404
    assert site.request("GET", "/boot/blob/vmlinuz").content == b"boot me"
    assert site.request("GET", "/boot/blob/..%2Fkeys%2Fnonce.key").status_code == 404


def test_first_page(site: Api) -> None:
    """Without any script: hosts with progress, machines nobody knows, and how to add one."""
    page = site.get("/").text
    for text in ("pc1", "www", "Step write", "50 %", "<progress", OTHER_MAC, "clonesys host adopt"):
        assert text in page
    assert site.get("/fragments/hosts").text.strip() in page


def test_job_page_says_what_went_wrong(site: Api) -> None:
    """Error and hint in words, the steps, the log, the timeline."""
    jobs_page = "/jobs/1"
    assert "Step write" in site.get(jobs_page).text
    site.clock.value += 5
    given = site.assignment(site.contact(site.nonce()))
    failed = messages.Result(ok=False, error="two disks match <sda>", hint="name one in [disk]")
    site.finish(given, failed)
    page = site.get(jobs_page).text
    for text in ("failed", "two disks match &lt;sda&gt;", "name one in [disk]", "contact"):
        assert text in page
    assert "<sda>" not in page
    assert "two disks match" in site.get("/").text


def test_the_pages_say_what_is_not_known_yet(site: Api) -> None:
    """A dead machine does not look alive, and a disk that was written is no system that is up."""
    site.clock.value += 125
    for path in ("/", "/jobs/1"):
        page = site.get(path).text
        assert "no report since" in page
        assert "(2 min 05 s)" in page
        assert "iB/s" not in page
    site.finish(site.assignment(site.contact(site.nonce())), messages.Result(ok=True))
    person = messages.Personalisation(5, "pc1", phone_home_url="at contact")
    image = messages.PartitionImage(5, messages.ImageRef("sda5_Debian", 1, b"\xdd" * 32))
    work = messages.RestorePartitions((image,), personalisation=person)
    people.queue_job(site.database, "pc1", messages.Job(0, "class", work), now=site.clock.value)
    site.clock.value += 5
    site.finish(site.assignment(site.contact(site.nonce())), messages.Result(ok=True))
    assert "waiting for its first start" in site.get("/").text
    site.clock.value += 23 * 60
    for path in ("/", "/jobs/2"):
        assert "has not started since: 23 min" in site.get(path).text


def test_what_machines_say_is_escaped(site: Api) -> None:
    """An agent's text is text, also in the log."""
    token = site.assignment(site.contact(site.nonce())).token
    evil = messages.Report(1, NOW, "x", StepState.LOG, title="<b>t</b>", detail="<script>alert(1)</script>")
    site.post("/api/v1/agent/jobs/1/reports", messages.Reports((evil,)), token)
    for path in ("/", "/jobs/1"):
        page = site.get(path).text
        assert "<script>alert" not in page
        assert "<b>t" not in page


def test_empty_page(tmp_path: Path) -> None:
    """A new appliance says how to begin."""
    with api(tmp_path / "home") as site:
        assert "clonesys host add" in site.get("/").text


def test_what_needs_a_look_comes_first_and_the_rest_as_people_count(site: Api) -> None:
    """pc2 before pc10, and above both the one that failed, with its reason."""
    for number in (10, 2, 3):
        people.add_host(site.database, f"pc{number}", [f"52:54:00:00:01:{number:02}"], now=NOW)
    mac = "52:54:00:00:01:03"
    people.queue_job(site.database, "pc3", JOB, now=NOW)
    given = site.assignment(site.contact(site.nonce(mac), mac=mac))
    site.finish(given, messages.Result(ok=False, error="no disk matches"))
    assert [host["name"] for host in site.get("/api/v1/hosts").json()] == ["pc1", "pc2", "pc3", "pc10"]
    page = site.get("/").text
    assert re.findall(r"<strong>(pc\d+)</strong>", page) == ["pc3", "pc1", "pc2", "pc10"]
    assert "4 hosts, 1 needs a look" in page
    assert "no disk matches" in page


def test_the_script_asks_an_address_without_credentials(site: Api) -> None:
    """``http://admin:password@appliance/`` is how people open it; fetch() refuses such an address."""
    page = site.get("/").text
    assert "new URL(part.dataset.source, location.origin)" in page
    assert "fetch(source," in page
    assert 'data-source="/fragments/hosts"' in page


def test_on_a_narrow_screen_nothing_lies_beyond_the_edge(site: Api) -> None:
    """Rows become cards: an error is read without scrolling sideways."""
    rules = site.get("/").text.partition("@media (max-width: 44rem)")[2].partition("</style>")[0]
    assert "table, tbody, tr, td { display: block" in rules
    assert "overflow-wrap: anywhere" in rules


def test_a_new_password_counts_at_once(site: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """For a server that runs; the old one ends, also where it was used a moment ago."""
    old = site.password
    assert site.get("/api/v1/hosts").status_code == 200
    assert run(["--home", str(site.home), "user", "password", "--yes", "--json"]) == 0
    site.password = json.loads(capsys.readouterr().out)["password"]
    assert site.get("/api/v1/hosts").status_code == 200
    assert site.request("GET", "/api/v1/hosts", auth=("admin", old)).status_code == 401
    kept = (site.home / "keys" / "admin").stat()
    assert (kept.st_mode & 0o777, kept.st_uid) == (0o600, os.geteuid())
    assert run(["--home", str(site.home), "audit", "--limit", "1"]) == 0
    assert "user password" in capsys.readouterr().out
