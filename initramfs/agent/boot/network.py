"""The interface that the machine was booted from, and an address for it.

busybox's udhcpc asks for the lease and keeps it in the background for as long as the
machine is up. Nothing here gives up: after a power cut the machines are up before the
switch and the DHCP server; what is missing is said on the console, less and less often.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from initramfs.agent.boot.lease import LEASE

INTERFACES = "/sys/class/net"
ETHERNET = "1"
"""ARPHRD_ETHER."""
HOOK = "/usr/lib/clonesys/lease"
LOOK = 0.05
"""Seconds between two looks at something that is expected soon."""
STRICT = 60.0
"""Seconds after which an interface other than the one asked for is good enough."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Interface:
    """An Ethernet interface as sysfs shows it."""

    name: str
    mac: str
    carrier: bool


def wanted_mac(words: Mapping[str, str]) -> str | None:
    """The MAC to boot from: ``clonesys.mac``, or pxelinux's ``BOOTIF=01-52-54-…`` (01 is Ethernet)."""
    if mac := words.get("clonesys.mac"):
        return mac.lower().replace("-", ":")
    kind, _, mac = words.get("BOOTIF", "").lower().partition("-")
    return mac.replace("-", ":") if kind == "01" and mac else None


def choose(interfaces: Iterable[Interface], mac: str | None, *, strict: bool) -> Interface | None:
    """The interface with the MAC; without one, or no longer ``strict``, the first that has a cable."""
    there = sorted(interfaces, key=lambda interface: interface.name)
    exact = [interface for interface in there if interface.mac == mac]
    if exact or (mac and strict):
        return exact[0] if exact else None
    usable = [interface for interface in there if interface.carrier] or (there if len(there) == 1 else [])
    return usable[0] if usable else None


def moments() -> Iterator[float]:
    """Seconds at which to say again what is missing: 5, 15, 35, 75, then every minute."""
    at, gap = 5.0, 10.0
    while True:
        yield at
        at, gap = at + gap, min(gap * 2, 60.0)


def missing(interfaces: Iterable[Interface], mac: str | None) -> str:
    """Why there is no interface yet, for the console."""
    found = ", ".join(f"{interface.name} ({interface.mac})" for interface in interfaces) or "none"
    wish = f"with the address {mac}" if mac else "with a cable"
    return f"no network interface {wish} yet; found: {found}"


def bring_up(words: Mapping[str, str], say: Say) -> str:
    """Wait for the interface and its lease; the lease in one line. Never gives up."""
    _ip("link", "set", "lo", "up")
    interface = _find(wanted_mac(words), say)
    say(f"asking for an address on {interface.name} ({interface.mac})")
    _ip("link", "set", interface.name, "up")
    subprocess.Popen(
        ["busybox", "udhcpc", "-f", "-i", interface.name, "-s", HOOK, "-t", "5", "-T", "2", "-A", "3"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait(lambda: os.path.exists(LEASE), lambda: say(_lacking(interface.name)))  # noqa: PTH110 - see hardware
    with open(LEASE) as file:  # noqa: PTH123 - as above
        return file.read()


def read_interfaces() -> list[Interface]:
    """The Ethernet interfaces of this machine that have hardware behind them."""
    names = os.listdir(INTERFACES)  # noqa: PTH208 - as above
    return [
        Interface(name, _read(name, "address"), _read(name, "carrier") == "1")
        for name in names
        if _read(name, "type") == ETHERNET and os.path.exists(f"{INTERFACES}/{name}/device")  # noqa: PTH110
    ]


def _find(mac: str | None, say: Say) -> Interface:
    started = time.monotonic()
    found: list[Interface] = []

    def look() -> bool:
        interfaces = read_interfaces()
        if not mac or time.monotonic() - started > STRICT:
            # Without a name to go by the cable decides, and it is seen only on interfaces that are up.
            for interface in interfaces:
                _ip("link", "set", interface.name, "up")
        choice = choose(interfaces, mac, strict=time.monotonic() - started < STRICT)
        found.extend([choice] if choice else [])
        return bool(choice)

    _wait(look, lambda: say(missing(read_interfaces(), mac)))
    return found[0]


def _wait(holds: Callable[[], bool], complain: Callable[[], None]) -> None:
    """Look until it ``holds``; complain at each of the :func:`moments` before."""
    started = time.monotonic()
    plan = moments()
    due = next(plan)
    while not holds():
        if time.monotonic() - started >= due:
            complain()
            due = next(plan)
        time.sleep(LOOK)


def _lacking(name: str) -> str:
    if _read(name, "carrier") != "1":
        return f"no link on {name}: is the cable plugged in, is the switch on?"
    return f"no answer from a DHCP server on {name}; still asking"


def _read(name: str, attribute: str) -> str:
    """An attribute of an interface; empty where the kernel refuses (``carrier`` of one that is down)."""
    try:
        with open(f"{INTERFACES}/{name}/{attribute}") as file:  # noqa: PTH123 - see hardware
            return file.read().strip()
    except OSError:
        return ""


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=False)
