"""Sockets: the local address of a packet, and errors that say who is in the way."""

from __future__ import annotations

import os
import select
import socket
from ipaddress import IPv4Address

import pytest

from netboot import sockets
from netboot.errors import NetbootError

LOOPBACK = IPv4Address("127.0.0.1")


def test_packets_tell_where_they_arrived() -> None:
    """A socket for all addresses knows which one a packet came to, and answers from it."""
    other = IPv4Address("127.0.0.2")
    with sockets.open_udp(sockets.ANY, 0) as ours, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(10)
        peer.sendto(b"hello", (str(other), sockets.port_of(ours)))
        select.select([ours], [], [], 10)
        came = sockets.receive(ours)
        assert came is not None
        assert (came.data, came.local) == (b"hello", other)
        sockets.send(ours, b"answer", came.source, came)
        data, source = peer.recvfrom(100)
        assert (data, source) == (b"answer", (str(other), sockets.port_of(ours)))
        assert sockets.receive(ours) is None


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


def test_what_cannot_be_sent_is_lost() -> None:
    """A broken network is no exception."""
    with sockets.open_udp(LOOPBACK, 0) as ours:
        came = sockets.Datagram(b"", ("192.0.2.1", 9), LOOPBACK, 1)
        sockets.send(ours, b"x" * 70_000, came.source, came)
