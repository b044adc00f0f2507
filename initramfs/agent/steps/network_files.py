"""Network files of a Linux that name the golden machine by its MAC: on a clone they fit no card. Pure.

netplan (as cloud-init leaves it), NetworkManager, systemd-networkd, udev's names for cards, ifupdown, and the
``ifcfg`` files of Red Hat and SUSE. Where a single foreign MAC is named, it is the golden machine's card, and
becomes the one that this host has started from. Which of several is which cannot be known: they stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

FILES = (
    "etc/netplan/*.y*ml",
    "etc/NetworkManager/system-connections/*",
    "etc/systemd/network/*",
    "etc/udev/rules.d/*net*.rules",
    "etc/network/interfaces",
    "etc/network/interfaces.d/*",
    "etc/sysconfig/network-scripts/ifcfg-*",
    "etc/sysconfig/network/ifcfg-*",
)
"""Below a root."""

KEYS = re.compile(
    r"\b(?:macaddress|cloned-mac-address|mac-address|PermanentMACAddress|MACAddress|HWADDR|MACADDR|LLADDR"
    r"|hwaddress|ATTRS?\{address\})(?=[\s=:\"'])",
    re.IGNORECASE,
)
"""What stands before a MAC on the same line."""
MAC = re.compile(
    r"(?<![0-9a-f:-])[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}(?![0-9a-f:-])", re.IGNORECASE
)
WIRELESS_FILE = re.compile(r"^\s*type\s*=\s*(?:wifi|802-11-wireless)\s*$", re.MULTILINE)
WIRELESS_LINE = re.compile(r"NAME=\"wl")
"""About a card without a cable: it never was the one that a machine was started from."""
NO_CARD = frozenset({"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"})


def foreign_macs(texts: Iterable[str], mine: Iterable[str]) -> set[str]:
    """The MACs in ``texts`` that none of this machine's cards (``mine``) has; as sysfs writes them."""
    lines = (line for text in texts if not WIRELESS_FILE.search(text) for line in text.splitlines())
    found = {_plain(match[0]) for line in lines if _binds(line) for match in MAC.finditer(line)}
    return found - NO_CARD - {mac.lower() for mac in mine}


def rebind(text: str, golden: str, own: str) -> str:
    """``text`` with the MAC ``golden`` replaced by ``own``, written in the same way."""

    def same_way(match: re.Match[str]) -> str:
        if _plain(match[0]) != golden:
            return match[0]
        new = own.lower().replace(":", match[1])
        return new if match[0] == match[0].lower() else new.upper()

    if WIRELESS_FILE.search(text):
        return text
    lines = text.splitlines(keepends=True)
    return "".join(MAC.sub(same_way, line) if _binds(line) else line for line in lines)


def _binds(line: str) -> bool:
    return bool(KEYS.search(line)) and not (
        WIRELESS_LINE.search(line) or line.lstrip().startswith(("#", ";"))
    )


def _plain(mac: str) -> str:
    return mac.lower().replace("-", ":")
