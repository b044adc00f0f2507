"""The routing table is asked, not guessed."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address

from netboot.interfaces import ANY
from netboot.routes import interface_to

LOOPBACK = socket.if_nametoindex("lo")


def test_our_own_addresses_are_reached_by_the_loopback() -> None:
    """With and without an address to send from."""
    assert interface_to(IPv4Address("127.0.0.2"), IPv4Address("127.0.0.1")) == LOOPBACK
    assert interface_to(IPv4Address("127.0.0.2"), ANY) == LOOPBACK


def test_no_way_is_no_error() -> None:
    """Nothing can be sent from an address that is not ours."""
    assert interface_to(IPv4Address("127.0.0.2"), IPv4Address("192.0.2.77")) == 0
