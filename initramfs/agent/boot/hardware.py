"""Drivers for what is there, without udev: each device names its driver's alias, modprobe does the rest.

Device nodes are made by the kernel (devtmpfs), firmware is loaded by the kernel. A
thread looks again and again, because disks appear behind controllers, keyboards
behind hubs; network cards come first, so that a slow disk controller does not delay
the lease.
"""

from __future__ import annotations

import glob
import subprocess
import threading
from collections.abc import Iterable

ALIASES = "/sys/bus/*/devices/*/modalias"
NODES = ("loop", "fuse")
"""Modules that no device asks for: programs expect their nodes to be there (modules.devname)."""
INTERVAL = 0.25
"""Seconds between two looks while things are still appearing."""
QUIET_LOOKS = 3
"""So many looks in a row without anything new, and the machine is called settled."""
LATER = 2.0
"""Seconds between two looks afterwards."""


def order(aliases: Iterable[str]) -> list[str]:
    """Network cards first, then the rest, each sorted."""
    return sorted(aliases, key=lambda alias: (not is_network(alias), alias))


def is_network(alias: str) -> bool:
    """Whether a device with this alias may be a network card (PCI class 02, virtio device 1)."""
    bus, _, rest = alias.partition(":")
    return (bus == "pci" and "bc02" in rest) or (bus == "virtio" and rest.startswith("d00000001v"))


def read_aliases() -> set[str]:
    """The aliases of every device that the kernel has found."""
    found = set()
    for path in glob.glob(ALIASES):  # noqa: PTH207 - pathlib costs tenths of a second at this point
        try:
            with open(path) as file:  # noqa: PTH123 - as above
                found.add(file.read().strip())
        except OSError:
            continue  # unplugged between the two calls
    return found - {""}


def load(names: Iterable[str]) -> None:
    """Load the modules with these names or aliases; most aliases have none, which is no error."""
    words = list(names)
    if words:
        subprocess.run(["modprobe", "-a", "-b", "-q", "--", *words], check=False, stderr=subprocess.DEVNULL)


class Drivers:
    """The thread that loads them. It dies with the process."""

    def __init__(self) -> None:
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drivers", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait until nothing new appears, at most so long; says whether it was so."""
        return self._settled.wait(seconds)

    def _run(self) -> None:
        seen: set[str] = set()
        pause = threading.Event()
        quiet = 0
        while True:
            new = read_aliases() - seen
            seen |= new
            load(order(new) if seen != new else [*order(new), *NODES])
            quiet = 0 if new else quiet + 1
            if quiet >= QUIET_LOOKS:
                self._settled.set()
            pause.wait(LATER if self._settled.is_set() else INTERVAL)
