"""Drivers for what is there, without udev: each device names its driver's alias, modprobe does the rest.

Device nodes are made by the kernel (devtmpfs), firmware is loaded by the kernel. A
thread looks again and again, because disks appear behind controllers, keyboards
behind hubs; network cards come first, so that a slow disk controller does not delay
the lease.
"""

from __future__ import annotations

import glob
import os
import subprocess
import threading
import time
from collections.abc import Iterable

DEVICES = "/sys/bus/*/devices/*/uevent"
"""What the kernel would tell udev. Some buses (mmc) have the alias here only and no ``modalias`` file."""
DISKS = "/sys/class/block"
USB_STORAGE = "/sys/module/usb_storage"
UNASKED = ("loop", "fuse", "usbhid", "hid_generic")
"""Modules that no device asks for yet. Programs expect the nodes of the first two (modules.devname);
a keyboard may be plugged in after a failure, when this thread is gone."""
INTERVAL = 0.25
"""Seconds between two looks while things are still appearing."""
QUIET, QUIET_WITH_USB = 0.75, 2.5
"""Seconds without anything new after which the machine is called settled. A USB disk is left alone for its
first second (usb-storage: delay_use), and only then looked at."""
LATER = 2.0
"""Seconds between two looks afterwards."""


def batch(new: Iterable[str]) -> list[str]:
    """What to load next, sorted: network cards as long as there are new ones, else everything.

    A virtual card appears only when the bus behind its PCI function is there, so they are not one batch.
    """
    ordered = sorted(new)
    return [alias for alias in ordered if is_network(alias)] or ordered


def is_network(alias: str) -> bool:
    """Whether a device with this alias may be a network card (PCI class 02, virtio device 1)."""
    bus, _, rest = alias.partition(":")
    return (bus == "pci" and "bc02" in rest) or (bus == "virtio" and rest.startswith("d00000001v"))


def aliases(uevent: str) -> list[str]:
    """The alias in a device's ``uevent`` file; most have one, some have none."""
    key = "MODALIAS="
    return [line[len(key) :] for line in uevent.splitlines() if line.startswith(key)]


def read_aliases() -> set[str]:
    """The aliases of every device that the kernel has found."""
    found = set()
    for path in glob.glob(DEVICES):  # noqa: PTH207 - pathlib costs tenths of a second at this point
        try:
            with open(path) as file:  # noqa: PTH123 - as above
                found.update(aliases(file.read()))
        except OSError:
            continue  # unplugged between the two calls
    return found


def load(names: Iterable[str]) -> None:
    """Load the modules with these names or aliases; most aliases have none, which is no error."""
    words = list(names)
    if words:
        subprocess.run(["modprobe", "-a", "-b", "-q", "--", *words], check=False, stderr=subprocess.DEVNULL)


def quiet_time() -> float:
    """Seconds for which nothing new must appear here."""
    return QUIET_WITH_USB if os.path.isdir(USB_STORAGE) else QUIET  # noqa: PTH112 - as above


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
        disks: list[str] = []
        since = time.monotonic()
        while True:
            new = batch(read_aliases() - seen)
            load(new)
            seen.update(new)
            before, disks = disks, os.listdir(DISKS)  # noqa: PTH208 - as above
            if new or disks != before:
                since = time.monotonic()
            if not self._settled.is_set() and time.monotonic() - since > quiet_time():
                load(UNASKED)
                self._settled.set()
            if not new:
                time.sleep(LATER if self._settled.is_set() else INTERVAL)
