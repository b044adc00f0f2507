"""``clonesys serve`` as a process: ready, useful, hard to kill, quick to end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from provisioner.base.errors import ExitStatus
from provisioner.base.home import Home
from provisioner.commands import init_appliance
from tests.clients.served import CLONESYS, PATIENCE, serve

pytestmark = pytest.mark.wire


@pytest.fixture(name="home", scope="module")
def home_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An appliance."""
    home = tmp_path_factory.mktemp("appliance") / "home"
    init_appliance.create(home)
    return home


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait for a condition to hold."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.05)  # polling a process of our own, bounded by the deadline


def answers(url: str) -> bool:
    """Whether somebody serves there."""
    try:
        return httpx.get(url, timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def test_serves_and_ends_cleanly(home: Path) -> None:
    """Everything is there when it says so; SIGTERM ends all of it with status 0 before its deadline."""
    chunk = Home(home).store / "chunks" / "ab" / ("ab" + "0" * 62)
    chunk.parent.mkdir()
    chunk.write_bytes(b"chunk")
    with serve(home, "--http-listen", "127.0.0.1:0") as served:
        for name in ("dhcp", "binl", "tftp", "dns", "http"):
            assert f"{name} " in served.line
        assert set(served.parts()) == {"netboot", "http", "controller"}
        if os.geteuid() == 0:  # an offer comes before a download
            assert served.parts()["netboot"].nice() < served.parts()["http"].nice()
        assert answers(f"{served.url}/api/v1/health")
        assert httpx.get(f"{served.url}/store/chunks/ab/{chunk.name}").content == b"chunk"
        assert httpx.get(f"{served.url}/store/chunks/ab/none").status_code == 404
        assert httpx.get(f"{served.url}/store/manifests/x/1").status_code == 404
        loader = httpx.get(f"{served.url}/boot/blob/snponly.efi")
        assert loader.headers["content-length"] == str(len(loader.content))
        family = psutil.Process(served.process.pid).children(recursive=True)
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(timeout=5) == 0
        assert not [child for child in family if child.is_running()]


@pytest.mark.parametrize("part", ["http", "netboot", "controller"])
def test_killed_part_comes_back(home: Path, part: str) -> None:
    """A part that is killed is started again; the others are not touched."""
    with serve(home, "--http-listen", "127.0.0.1:0") as served:
        before = {name: child.pid for name, child in served.parts().items()}
        killed = served.parts()[part]
        killed.kill()
        until(f"{part} back", lambda: served.parts().get(part, killed).pid != killed.pid)
        until("answer", lambda: answers(f"{served.url}/api/v1/health"))
        after = {name: child.pid for name, child in served.parts().items()}
        assert {n: p for n, p in after.items() if n != part} == {n: p for n, p in before.items() if n != part}
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(timeout=PATIENCE) == 0


def test_parts_end_with_a_killed_supervisor(home: Path) -> None:
    """Kill -9 of the supervisor leaves nobody behind that would hold its ports."""
    with serve(home, "--only", "http,controller", "--http-listen", "127.0.0.1:0") as served:
        family = psutil.Process(served.process.pid).children(recursive=True)
        served.process.kill()
        served.process.wait()
        _, left = psutil.wait_procs(family, timeout=PATIENCE)
        assert not left


def test_workers_end_with_everybody_killed(home: Path) -> None:
    """Also when supervisor and HTTP parent are killed at once, no worker keeps the port."""
    with serve(home, "--only", "http", "--http-listen", "127.0.0.1:0") as served:
        parent = served.parts()["http"]
        workers = parent.children()
        assert workers
        served.process.kill()
        parent.kill()
        served.process.wait()
        _, left = psutil.wait_procs([parent, *workers], timeout=PATIENCE)
        assert not left


def failing(home: Path, *options: str) -> str:
    """What a service that cannot start says on standard error."""
    command = [str(CLONESYS), "--home", str(home), "serve", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode in {ExitStatus.FAILED, ExitStatus.REFUSED}
    assert "Traceback" not in done.stderr
    return done.stderr


def test_taken_http_port_names_its_holder(home: Path) -> None:
    """The error says which process holds the port."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        said = failing(home, "--http-listen", f"127.0.0.1:{port}")
    assert f"error: TCP port {port} is taken by" in said
    assert "pytest" in said
    assert "hint:" in said


def test_taken_udp_port_names_its_holder(home: Path) -> None:
    """So does one of the network services' process."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        only = ("--only", "netboot", "--listen", "127.0.0.1", "--dhcp-port", "0", "--binl-port", "0")
        said = failing(home, *only, "--tftp-port", str(port), "--dns-port", "0")
    assert f"error: UDP port {port} is taken by" in said
    assert "pytest" in said


def test_second_appliance_on_the_same_port(home: Path) -> None:
    """Two appliances never share an HTTP port in silence."""
    with serve(home, "--only", "http", "--http-listen", "127.0.0.1:0") as served:
        said = failing(home, "--only", "http", "--http-listen", served.url.removeprefix("http://"))
    assert "is taken by" in said


def test_no_appliance_and_no_part(home: Path, tmp_path: Path) -> None:
    """Neither a directory that is none, nor a part that is none."""
    assert "init" in failing(tmp_path)
    assert "no part 'https'" in failing(home, "--only", "https")
