"""Sockets: errors that say what is in the way."""

from __future__ import annotations

import os
from ipaddress import IPv4Address

import pytest

from netboot import sockets
from netboot.errors import NetbootError

LOOPBACK = IPv4Address("127.0.0.1")


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_a_taken_port_names_its_holder(kind: str) -> None:
    """The error says which process to stop."""
    opener = sockets.open_udp if kind == "udp" else sockets.open_tcp
    with opener(LOOPBACK, 0) as holder:
        if kind == "tcp":
            holder.listen()
        with pytest.raises(NetbootError, match=f"is taken by .*pid {os.getpid()}: .*pytest") as caught:
            opener(LOOPBACK, sockets.port_of(holder))
    assert caught.value.hint


def test_wrong_addresses_and_interfaces_are_explained() -> None:
    """What a person may have typed."""
    with pytest.raises(NetbootError, match=r"192\.0\.2\.1 is no address of this machine"):
        sockets.open_udp(IPv4Address("192.0.2.1"), 0)
    with pytest.raises(NetbootError, match=r"no network interface nosuch0|may not be opened"):
        sockets.open_udp(LOOPBACK, 0, "nosuch0")
