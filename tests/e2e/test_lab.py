"""The laboratory itself: a network apart, and nothing left of it afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.lab import network
from tests.lab.command import run
from tests.lab.network import Lan, Place

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.root]

KILLED = """
import sys, time
from pathlib import Path
from tests.lab.network import Lan
with Lan(Path(sys.argv[1])) as lan:
    print(lan.namespace("lan"), flush=True)
    sys.stdin.read()
"""


def test_the_site_gives_addresses_and_nothing_leads_out(tmp_path: Path) -> None:
    """A real DHCP client gets a lease; there is no route away; at the end all namespaces are gone."""
    with Lan(tmp_path) as lan:
        once = ("-f", "-n", "-q", "-s", "/bin/true")
        run(*lan.inside(Place.APPLIANCE, "udhcpc", "-i", "eth0", *once), within=30)
        assert "DHCPACK" in (tmp_path / "foreign-dhcp.log").read_text()
        assert "default" not in run(*lan.inside(Place.APPLIANCE, "ip", "route"))
        names = [lan.namespace(place) for place in Place]
        assert all(name in run("ip", "netns", "list") for name in names)
    assert not any(name in run("ip", "netns", "list") for name in names)


def test_what_a_killed_lab_leaves_is_swept_away(tmp_path: Path) -> None:
    """``kill -9`` of its process ends its servers; the next lab removes its namespaces."""
    with subprocess.Popen(
        (sys.executable, "-c", KILLED, str(tmp_path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as victim:
        assert victim.stdout
        name = victim.stdout.readline().strip()
        victim.send_signal(signal.SIGKILL)
    assert name in network.leftovers()
    network.sweep()
    assert name not in run("ip", "netns", "list")
