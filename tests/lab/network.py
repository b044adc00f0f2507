"""A LAN of one's own: a bridge in a network namespace, and a namespace per server on it.

.. code-block:: text

    clonesys-<pid>-lan   br0 ─┬─ tap0, tap1 …   machines
                              ├─ veth           clonesys-<pid>-dhcp: the site's own DHCP server
                              └─ veth           clonesys-<pid>-appliance: where ``clonesys serve`` runs

Nothing is left in the host's own namespace, and nothing reaches the real network. The names carry the process
id of their maker, so that what a killed run has left is recognised (:func:`sweep`).
"""

from __future__ import annotations

import itertools
import os
import re
import signal
from contextlib import ExitStack, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.lab.command import CommandError, run
from tests.lab.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterable

NET = "10.77.0"
DHCP_ADDRESS = f"{NET}.1"
APPLIANCE_ADDRESS = f"{NET}.2"
RANGE = (f"{NET}.100", f"{NET}.250")

CAPTURE = (
    "arp or port 67 or port 68 or port 4011 or port 69 or port 53"
    " or (udp and less 120)"  # TFTP: what clients say, and the appliance's OACKs
    f" or (dst host {APPLIANCE_ADDRESS} and tcp and greater 120)"  # HTTP: requests
    " or (tcp[((tcp[12] & 0xf0) >> 2):4] = 0x48545450)"  # HTTP: heads of answers ("HTTP")
)
"""What tcpdump keeps: the talk, not the bulk. A restore is gigabytes."""

_counter = itertools.count()


class Place(StrEnum):
    """The namespaces of a LAN."""

    LAN = "lan"
    DHCP = "dhcp"
    APPLIANCE = "appliance"


class Lan:
    """One LAN, from ``with`` to the end of it; ``folder`` takes the logs and the packet capture.

    ``site`` are more options of the site's DHCP server, which says nothing of booting without them.
    """

    def __init__(self, folder: Path, site: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self._site = site
        self.capture = folder / "lan.pcap"
        self._prefix = f"clonesys-{os.getpid()}-{next(_counter)}"
        self._taps = itertools.count()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        sweep()
        with ExitStack() as undo:
            self._build(undo)
            self._stack = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def inside(self, place: Place, *argv: str | Path) -> tuple[str | Path, ...]:
        """The command that runs ``argv`` in a namespace."""
        return ("ip", "netns", "exec", self.namespace(place), *argv)

    def namespace(self, place: Place) -> str:
        """The name of a namespace, for ``ip netns exec``."""
        return f"{self._prefix}-{place}"

    def tap(self) -> str:
        """Plug in one more machine: a new tap device, to be used inside ``Place.LAN``."""
        name = f"tap{next(self._taps)}"
        self._ip(Place.LAN, "tuntap", "add", name, "mode", "tap")
        self._ip(Place.LAN, "link", "set", name, "master", "br0", "up")
        return name

    def _build(self, undo: ExitStack) -> None:
        for place in Place:
            run("ip", "netns", "add", self.namespace(place))
            undo.callback(remove, self.namespace(place))
            self._ip(place, "link", "set", "lo", "up")
        self._ip(Place.LAN, "link", "add", "br0", "type", "bridge")
        self._ip(Place.LAN, "link", "set", "br0", "up")
        self._join(Place.DHCP, DHCP_ADDRESS)
        self._join(Place.APPLIANCE, APPLIANCE_ADDRESS)
        undo.enter_context(Daemon(self._tcpdump(), self.folder / "tcpdump.log"))
        undo.enter_context(Daemon(self._dnsmasq(), self.folder / "foreign-dhcp.log"))

    def _join(self, place: Place, address: str) -> None:
        peer = ("peer", "name", "eth0", "netns", self.namespace(place))
        self._ip(Place.LAN, "link", "add", place, "type", "veth", *peer)
        self._ip(Place.LAN, "link", "set", place, "master", "br0", "up")
        self._ip(place, "address", "add", f"{address}/24", "dev", "eth0")
        self._ip(place, "link", "set", "eth0", "up")

    def _dnsmasq(self) -> tuple[str | Path, ...]:
        """The site's own DHCP server: addresses, and not one word about booting but ``site``'s."""
        leases = self.folder / "foreign-dhcp.leases"
        options = ("--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--log-facility=-")
        dhcp = (f"--dhcp-range={RANGE[0]},{RANGE[1]},1h", f"--dhcp-leasefile={leases}", "--log-dhcp")
        return self.inside(
            Place.DHCP, "dnsmasq", "--port=0", "--interface=eth0", *options, *dhcp, *self._site
        )

    def _tcpdump(self) -> tuple[str | Path, ...]:
        options = ("-i", "br0", "--immediate-mode", "-U", "-Z", "root", "-w", self.capture)
        return self.inside(Place.LAN, "tcpdump", *options, CAPTURE)

    def _ip(self, place: Place, *words: str) -> None:
        run("ip", "-n", self.namespace(place), *words)


def remove(namespace: str) -> None:
    """End what runs in a namespace, and the namespace with all of its links."""
    with suppress(CommandError):  # already gone
        kill_all(namespace)
        run("ip", "netns", "delete", namespace)


def kill_all(namespace: str) -> None:
    """``kill -9`` everything that runs in a namespace."""
    for pid in run("ip", "netns", "pids", namespace).split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def leftovers() -> list[str]:
    """Namespaces of labs whose process is gone."""
    names: Iterable[str] = (line.split()[0] for line in run("ip", "netns", "list").splitlines() if line)
    owned = ((name, re.match(r"clonesys-(\d+)-", name)) for name in names)
    return [name for name, owner in owned if owner and not Path(f"/proc/{owner[1]}").exists()]


def sweep() -> None:
    """Remove what killed labs have left."""
    for namespace in leftovers():
        remove(namespace)
