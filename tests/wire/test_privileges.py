"""The services are not root, and what is in the appliance's home is not for other users, whoever made it."""

from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from provisioner.base.home import Home
from provisioner.base.ownership import Owner
from provisioner.stores.directory.store import DirectoryStore
from tests.clients.served import CLONESYS, serve
from tests.images.in_memory import MIB
from tests.lab.command import run
from tests.lab.readable import open_folder, readable

pytestmark = [
    pytest.mark.wire,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]

USER = "nobody"
NETWORK = 1 << 10 | 1 << 12
"""CAP_NET_BIND_SERVICE and CAP_NET_ADMIN, linux/capability.h."""


@pytest.fixture
def home() -> Iterator[Path]:
    """An appliance that root has made for another user, where that user comes to."""
    with open_folder() as folder:
        run(CLONESYS, "--home", folder / "home", "init", "--owner", USER, "--yes")
        yield folder / "home"


def strangers(home: Path) -> list[str]:
    """What does not belong to the owner, or is for others too."""
    owner = pwd.getpwnam(USER).pw_uid
    found = []
    for path in (home, *home.rglob("*")):
        status = path.lstat()
        if status.st_uid != owner or (path == home and status.st_mode & stat.S_IRWXO):
            found.append(f"{path} {status.st_uid} {stat.filemode(status.st_mode)}")
    return found


def status_of(process: psutil.Process) -> dict[str, str]:
    """proc(5), status."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_the_services_are_not_root(home: Path, tmp_path: Path) -> None:
    """Every process of every part; and what root makes while they run is theirs too."""
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3 * MIB))
    owner = pwd.getpwnam(USER)
    with serve(home, "--http-listen", "127.0.0.1:0", wrap=readable) as served:
        for name, part in served.parts().items():
            for process in (part, *part.children(recursive=True)):
                status = status_of(process)
                assert set(status["Uid"].split()) == {str(owner.pw_uid)}
                assert set(status["Gid"].split()) == {str(owner.pw_gid)}
                allowed = 0 if name == "controller" else NETWORK
                for which in ("CapEff", "CapPrm", "CapBnd"):
                    assert int(status[which], 16) == allowed
                assert status["NoNewPrivs"] == "1"
        run(CLONESYS, "--home", home, "host", "add", "pc1", "--mac", "52:54:00:00:00:01")
        run(CLONESYS, "--home", home, "image", "capture", source, "sda5_Data")
        assert not strangers(home)
        digest = min(DirectoryStore(Home(home).store).chunks()).hex()
        answer = httpx.get(f"{served.url}/store/chunks/{digest[:2]}/{digest}")
        assert answer.status_code == httpx.codes.OK
        assert httpx.get(f"{served.url}/boot/blob/snponly.efi").status_code == httpx.codes.OK
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(timeout=60) == 0
    assert not strangers(home)


def test_an_owner_who_cannot_come_to_the_home_is_named(home: Path, tmp_path: Path) -> None:
    """Before anything is served: the temporary folders of tests are closed to others."""
    moved = home.rename(tmp_path / "home")
    done = subprocess.run(
        readable((CLONESYS, "--home", moved, "serve")), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"error: the services cannot run as {USER}, to whom {moved} belongs" in done.stderr
    assert "Permission denied" in done.stderr
    assert "hint: " in done.stderr


def test_an_appliance_changes_hands(home: Path) -> None:
    """What root had becomes the service's, keys and images among it; nothing of it stays open to others."""
    run(CLONESYS, "--home", home, "init", "--owner", "root", "--yes")
    assert Owner.of(Home(home).keys / "appliance.key").uid == 0
    home.chmod(0o755)
    Home(home).database.chmod(0o644)
    run(CLONESYS, "--home", home, "init", "--owner", USER, "--yes")
    assert not strangers(home)
    assert Home(home).database.stat().st_mode & stat.S_IRWXO == 0


def test_other_users_read_nothing(home: Path) -> None:
    """Neither images nor configuration."""
    user = pwd.getpwnam("daemon").pw_uid
    for place in (home, Home(home).store, Home(home).config):
        tried = subprocess.run(
            ("setpriv", f"--reuid={user}", "--clear-groups", "cat", place), capture_output=True, check=False
        )
        assert b"Permission denied" in tried.stderr


def test_a_container_may_hold_back_what_the_services_can_do_without(home: Path) -> None:
    """As one without CAP_NET_ADMIN, the usual one: they start, with what root itself has."""
    program = "import sys, pathlib; from provisioner.serve import privileges; "
    program += "print(privileges.check(pathlib.Path(sys.argv[1])))"
    less = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--")
    assert run(*readable((*less, sys.executable, "-c", program, home), home.parent)).strip() == "None"


@pytest.mark.parametrize("part", ["http", "netboot"])
def test_what_cannot_be_kept_to_an_interface_is_not_served(home: Path, part: str) -> None:
    """It would be served on all of them; Linux asks for a right for it, which containers seldom have."""
    less = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--")
    words = ("serve", "--only", part, "--interface", "lo", "--http-listen", "127.0.0.1:0")
    done = subprocess.run(
        readable((*less, CLONESYS, "--home", home, *words), home.parent),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "may not be kept to the named interfaces" in done.stderr
    assert "CAP_NET_ADMIN" in done.stderr
    assert "Traceback" not in done.stderr
