"""What a DHCP lease means for this machine. busybox's udhcpc calls this at each event.

The lease comes in environment variables (busybox: networking/udhcp/dhcpc.c). Imports
next to nothing: each event starts a Python.
"""

from __future__ import annotations

import os
import sys

FOLDER = "/run/clonesys"
LEASE = f"{FOLDER}/lease"
RESOLV = "/etc/resolv.conf"


def commands(event: str, lease: dict[str, str]) -> list[str]:
    """Lines for ``ip -batch`` that make the interface what the lease says."""
    device = lease["interface"]
    if event == "deconfig":
        return [f"address flush dev {device} scope global", f"link set {device} up"]
    if event not in {"bound", "renew"}:
        return []
    gateways = lease.get("router", "").split()[:1]
    return [
        f"address replace {lease['ip']}/{lease.get('mask', '24')} dev {device}",
        *(f"route replace default via {gateway} dev {device}" for gateway in gateways),
    ]


def resolv(lease: dict[str, str]) -> str:
    """The content of resolv.conf. Nothing in the boot path needs it; people at the shell do."""
    servers = "".join(f"nameserver {server}\n" for server in lease.get("dns", "").split())
    return f"search {lease['domain']}\n{servers}" if "domain" in lease else servers


def summary(lease: dict[str, str]) -> str:
    """The lease in one line, for the console."""
    gateway = f", gateway {lease['router']}" if "router" in lease else ""
    server = f" from {lease['serverid']}" if "serverid" in lease else ""
    return f"{lease['ip']}/{lease.get('mask', '24')} on {lease['interface']}{gateway}{server}"


def main() -> None:
    """Do what the event in ``argv[1]`` asks for."""
    event, lease = sys.argv[1], dict(os.environ)
    os.makedirs(FOLDER, exist_ok=True)  # noqa: PTH103 - see above: next to nothing is imported
    if lines := commands(event, lease):
        _write(f"{FOLDER}/ip.batch", "".join(f"{line}\n" for line in lines))
        os.spawnlp(os.P_WAIT, "ip", "ip", "-batch", f"{FOLDER}/ip.batch")  # noqa: S606 - quicker than subprocess
    if event in {"bound", "renew"}:
        _write(RESOLV, resolv(lease))
        _write(f"{LEASE}.new", summary(lease))
        os.rename(f"{LEASE}.new", LEASE)  # noqa: PTH104 - as above


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123 - as above
        file.write(text)
