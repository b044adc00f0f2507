"""What one client does to the HTTP server, and that the others notice nothing: real connections.

The attacker is 127.0.0.1; the machines are at other addresses of the loopback, so that no limit for one
source is theirs, too.
"""

from __future__ import annotations

import resource
import secrets
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from initramfs import messages
from initramfs.agent import trust
from initramfs.agent.cmdline import CommandLine
from initramfs.agent.errors import ServerError
from initramfs.agent.fetch import Appliance, Clock
from initramfs.agent.pipeline import Plan
from initramfs.agent.session import CONTACT, Session
from provisioner.base import clock
from provisioner.base.home import Home
from provisioner.commands import init_appliance
from provisioner.database.engine import Database, open_database
from provisioner.jobs import queue
from provisioner.jobs.life import JobState
from provisioner.security.keys import load_nonce_key
from provisioner.security.nonces import mint
from provisioner.security.tables import Token
from tests.clients import people
from tests.clients.api import HOST_KEY, MAC, inventory
from tests.clients.http_part import HttpPart

pytestmark = pytest.mark.wire

MIB = 1 << 20
WORK = messages.RestorePartitions(
    (messages.PartitionImage(5, messages.ImageRef("sda5_Debian", 1, b"\xdd" * 32)),),
    personalisation=messages.Personalisation(5, "pc1", phone_home_url="at contact"),
)


@dataclass
class Site:
    """An appliance under attack, with one host that has a job."""

    home: Path
    http: HttpPart
    database: Database
    password: str

    def nonce(self) -> str:
        """From a boot script: anybody who says that he is this host gets one."""
        return mint(load_nonce_key(self.home), MAC, clock.now(), secrets.token_bytes(16))

    def contact(
        self, source: str = "127.0.0.2", address: str = "127.0.0.1", **headers: str
    ) -> httpx.Response:
        """A machine at ``source`` says hello to us at ``address``."""
        nonce = self.nonce()
        hello = messages.Contact(
            nonce, "c", "0.1.0", MAC, inventory(), trust.public_half(HOST_KEY), messages.PROTOCOL
        )
        said = {"Authorization": f"{messages.NONCE_SCHEME} {nonce}", **headers}
        with httpx.Client(transport=httpx.HTTPTransport(local_address=source), timeout=30) as client:
            url = f"http://{address}:{self.http.port}{CONTACT}"
            return client.post(url, content=messages.encode(hello), headers=said)

    def memory(self) -> int:
        """Bytes that the server's processes have in memory."""
        return sum(process.memory_info().rss for process in self.http.family())

    def open(self, stack: ExitStack, text: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
        """A connection of an attacker, who sends this."""
        opened = socket.create_connection(("127.0.0.1", self.http.port), 30, source_address=(source, 0))
        stack.enter_context(opened)
        opened.sendall(text)
        return opened


@pytest.fixture(name="site", scope="module")
def site_(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Served by processes of its own."""
    home = tmp_path_factory.mktemp("attacked") / "home"
    password = init_appliance.create(home)
    for name in ("initramfs.img", "vmlinuz"):
        (Home(home).boot / name).write_bytes(bytes(8 * MIB))
    database = open_database(home)
    people.add_host(database, "pc1", [MAC], now=time.time())
    try:
        with HttpPart(home, listen="0.0.0.0") as http:
            yield Site(home, http, database, password or "")
    finally:
        database.close()


@pytest.fixture(autouse=True)
def a_server_that_stands(site: Site) -> Iterator[None]:
    """Whatever was done to it, it is what it was before: no process was lost, and its log tells no bug."""
    before = {process.pid for process in site.http.family()}
    yield
    assert {process.pid for process in site.http.family()} == before
    assert "Traceback" not in site.http.log.read_text()
    assert "Error" not in site.http.log.read_text()


@contextmanager
def many_descriptors() -> Iterator[None]:
    """An attacker opens as many connections as he is allowed to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def head(path: str, length: int, **headers: str) -> bytes:
    """The head of a POST whose body is to come."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_contact_without_a_nonce_is_not_even_read(site: Site) -> None:
    """Megabytes of it are thrown away as they come, and the machine is told why."""
    before = site.memory()
    with ExitStack() as stack:
        for authorization in ("", "Nonce x", f"Nonce {mint(b'x' * 32, MAC, clock.now(), bytes(16))}"):
            attacker = site.open(stack, head(CONTACT, 7 * MIB, Authorization=authorization))
            attacker.sendall(b"[" * 7 * MIB)
            assert b" 401 " in attacker.recv(4096).split(b"\r\n")[0]
        assert site.contact().status_code == 200
    assert site.memory() - before < 64 * MIB


def test_a_message_has_a_size(site: Site) -> None:
    """Also one that has a nonce; told before it has come."""
    with ExitStack() as stack:
        said = {"Authorization": f"Nonce {site.nonce()}"}
        attacker = site.open(stack, head(CONTACT, 7 * MIB, **said) + b"[" * 7 * MIB)
        assert b" 413 " in attacker.recv(4096)
        assert httpx.post(f"{site.http.url}/api/v1/phone-home", content=b" " * 5000).status_code == 413


def test_unfinished_bodies_stop_nobody(site: Site) -> None:
    """Three hundred contacts that never end are open while a machine says hello; what they hold is little."""
    before = site.memory()
    with ExitStack() as stack:
        for _ in range(300):
            start = head(CONTACT, 500_000, Authorization=f"Nonce {site.nonce()}")
            site.open(stack, start + b" " * 100_000)
        assert site.contact().status_code == 200
        assert site.memory() - before < 128 * MIB


def test_slow_heads_stop_nobody(site: Site) -> None:
    """Eleven hundred connections that have sent half a line each."""
    with many_descriptors(), ExitStack() as stack:
        for _ in range(1100):
            site.open(stack, b"GET /api/v1/hea")
        assert site.contact().status_code == 200
        assert httpx.get(f"{site.http.url}/api/v1/health", timeout=30).status_code == 200


def test_a_client_that_goes_away_is_no_event(site: Site) -> None:
    """In the middle of a body, with a reset: the log says nothing (the fixture looks)."""
    for _ in range(5):
        with ExitStack() as stack:
            start = head(CONTACT, 500_000, Authorization=f"Nonce {site.nonce()}")
            attacker = site.open(stack, start + b" " * 100_000)
            attacker.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert site.contact().status_code == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.5"])
@pytest.mark.parametrize("host", ["evil.example", "$(reboot):80", "192.0.2.66", "127.0.0.1:80';reboot;'"])
def test_what_is_signed_says_where_the_connection_came_in(site: Site, host: str, address: str) -> None:
    """Never what the client calls us: the agent makes a script of it, which runs as root."""
    people.queue_job(site.database, "pc1", messages.Job(0, "class", WORK), now=time.time())
    answer = site.contact(address=address, Host=host)
    given = messages.decode(messages.Assignment, messages.decode(messages.Signed, answer.content).parts()[0])
    assert given.job is not None
    people.cancel_job(site.database, given.job.id, now=time.time())
    assert isinstance(given.job.work, messages.RestorePartitions)
    assert given.job.work.personalisation is not None
    ours = f"http://{address}:{site.http.port}"
    assert given.job.work.personalisation.phone_home_url == f"{ours}/api/v1/phone-home"


def test_a_boot_script_says_where_the_connection_came_in(site: Site) -> None:
    """Listening everywhere, as an appliance does if it is told nothing else."""
    people.queue_job(site.database, "pc1", messages.Job(0, "class", WORK), now=time.time())
    for address in ("127.0.0.1", "127.0.0.5"):
        ours = f"http://{address}:{site.http.port}"
        script = httpx.get(f"{ours}/boot/script?mac={MAC}", headers={"Host": "192.0.2.66:80"}).text
        assert f"clonesys.server={ours} " in script
        assert "192.0.2.66" not in script
    people.set_local(site.database, "pc1", now=time.time())


def test_an_agent_whose_token_is_lost_goes_on(site: Site) -> None:
    """The appliance has lost its last seconds: the agent says hello again, for the same job and attempt."""
    number = people.queue_job(site.database, "pc1", messages.Job(0, "class", WORK), now=time.time())
    said: list[str] = []
    talk = Appliance(site.http.url, Clock(time.monotonic, time.sleep), patience=30)

    def lose(_job: messages.Job, _inventory: messages.Inventory) -> Plan:
        with site.database.write() as session:
            session.query(Token).delete()
        return Plan()

    session = Session(talk, inventory(), lose, said.append, Home(site.home).keys / "appliance.pub")
    given = session.contact(CommandLine(site.http.url, site.nonce(), MAC))
    assert session.run(given).ok
    talk.close_all()
    job = queue.get_job(site.database, number)
    assert (job.state, job.attempts) == (JobState.SUCCEEDED, 1)
    assert [line for line in said if "hello again" in line]


def test_an_agent_whose_job_is_lost_stops(site: Site) -> None:
    """It is told so; nothing is asked again for ever."""
    number = people.queue_job(site.database, "pc1", messages.Job(0, "class", WORK), now=time.time())
    talk = Appliance(site.http.url, Clock(time.monotonic, time.sleep), patience=30)

    def lose(_job: messages.Job, _inventory: messages.Inventory) -> Plan:
        people.cancel_job(site.database, number, now=time.time())
        with site.database.write() as session:
            session.query(Token).delete()
        return Plan()

    session = Session(talk, inventory(), lose, lambda _: None, Home(site.home).keys / "appliance.pub")
    given = session.contact(CommandLine(site.http.url, site.nonce(), MAC))
    with pytest.raises(ServerError, match="does not know our job any more"):
        session.run(given)
    talk.close_all()


def test_a_page_that_asks_for_many_things_at_once_is_no_guesser(site: Site) -> None:
    """The right password is right, however many ask with it before it is known."""
    with ThreadPoolExecutor(20) as pool:
        asked = [
            pool.submit(httpx.get, f"{site.http.url}/api/v1/jobs", auth=("admin", site.password), timeout=30)
            for _ in range(40)
        ]
    assert {answer.result().status_code for answer in asked} == {200}


NONSENSE = (
    "/jobs/99999999999999999999",
    "/fragments/jobs/99999999999999999999",
    "/api/v1/jobs/99999999999999999999/log",
    "/api/v1/jobs/-1",
    "/api/v1/jobs?limit=1e400",
    "/api/v1/jobs?host=%ed%a0%80",
    "/api/v1/events?after=99999999999999999999",
    "/api/v1/events?mac=%00%0a%1b",
    "/api/v1/hosts/%00%ff%fe",
    f"/api/v1/hosts/{'a' * 20_000}",
    f"/boot/blob/{'%2e' * 5000}",
    "/boot/blob/%00",
    "/boot/script?mac=%0a%1b[2J",
    "/boot/script?mac=52:54:00:00:00:0%D9%A1",
    "/store/chunks/%2e%2e/%2e%2e/keys/admin",
)


@pytest.mark.parametrize("path", NONSENSE, ids=lambda path: path[:40])
def test_nonsense_is_the_clients_fault(site: Site, path: str) -> None:
    """Refused with a short reason; no bug of ours (the fixture looks into the log)."""
    answer = httpx.get(f"{site.http.url}{path}", auth=("admin", site.password), timeout=30)
    assert 400 <= answer.status_code < 500
    assert len(answer.content) < 1000
    assert "\x1b" not in answer.text


def test_a_download_that_is_given_up_is_no_event(site: Site) -> None:
    """A boot file of some megabytes, and a client that has enough."""
    for _ in range(5):
        with ExitStack() as stack:
            client = site.open(stack, b"GET /boot/blob/initramfs.img HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(1000)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert site.contact().status_code == 200


def test_a_program_with_an_old_password_locks_nobody_out(site: Site) -> None:
    """It asks again and again from the address of those who know the new one, or of the proxy before us."""
    url = f"{site.http.url}/api/v1/hosts"
    answers = {httpx.get(url, auth=("admin", "the old one")).status_code for _ in range(30)}
    assert answers == {401}
    assert httpx.get(url, auth=("admin", site.password)).status_code == 200


def test_guessing_a_password_gets_slow(site: Site) -> None:
    """And costs little memory, although each check takes 16 MiB."""
    before = site.memory()
    answers = [
        httpx.get(f"{site.http.url}/api/v1/hosts", auth=("admin", f"wrong{number}")).status_code
        for number in range(24)
    ]
    assert set(answers) == {401, 429}
    assert httpx.get(f"{site.http.url}/api/v1/health").status_code == 200
    assert site.memory() - before < 128 * MIB
