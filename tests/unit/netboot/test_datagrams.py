"""Packets with their addresses, and the law of the loop that receives them."""

from __future__ import annotations

import asyncio
import select
import socket
from contextlib import closing
from ipaddress import IPv4Address

import pytest

from netboot import datagrams, sockets
from netboot.errors import ProtocolError
from netboot.listening import Place, Port

LOOPBACK = IPv4Address("127.0.0.1")


def test_packets_tell_where_they_arrived() -> None:
    """A socket for all addresses knows which one a packet came to, and answers from it."""
    other = IPv4Address("127.0.0.2")
    with sockets.open_udp(sockets.ANY, 0) as ours, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(10)
        peer.sendto(b"hello", (str(other), sockets.port_of(ours)))
        select.select([ours], [], [], 10)
        asked = datagrams.receive(ours)
        assert asked is not None
        assert (asked.data, asked.local) == (b"hello", other)
        datagrams.reply(asked, b"answer")
        data, source = peer.recvfrom(100)
        assert (data, source) == (b"answer", (str(other), sockets.port_of(ours)))
        assert datagrams.receive(ours) is None


def test_what_cannot_be_sent_is_lost() -> None:
    """A broken network is no exception."""
    with sockets.open_udp(LOOPBACK, 0) as ours:
        asked = datagrams.Datagram(b"", ("192.0.2.1", 9), LOOPBACK, 1, LOOPBACK, ours)
        assert not datagrams.reply(asked, b"x" * 70_000)


class Echo:
    """A service that answers each packet with the same bytes. ``slow`` waits; two have trouble."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()

    async def handle(self, asked: datagrams.Datagram) -> None:
        """What a service does with one packet."""
        match asked.data:
            case b"bad":
                raise ProtocolError("not one of ours")
            case b"bug":
                raise ZeroDivisionError
            case b"slow":
                await self.let_go.wait()
        datagrams.reply(asked, asked.data)


async def talk(*packets: bytes, answers: int, at_once: int = 8, later: bytes = b"") -> list[bytes]:
    """Send packets, then serve them. The first answer lets ``slow`` go; ``later`` is sent then.

    Raises what the loop raises.
    """
    port = Port("echo", 0)
    with closing(port), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        port.add(Place(LOOPBACK), sockets.open_udp(LOOPBACK, 0))
        peer.setblocking(False)  # noqa: FBT003 - the library's signature
        peer.connect(("127.0.0.1", port.number))
        for packet in packets:
            peer.send(packet)
        echo = Echo()
        got: list[bytes] = []
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(datagrams.serve_datagrams(port, echo.handle, at_once=at_once))
            while len(got) < answers:
                got.append(await asyncio.get_running_loop().sock_recv(peer, 100))
                if later and len(got) == 1:
                    peer.send(later)
                echo.let_go.set()
            serving.cancel()
        return got


def test_a_bad_packet_ends_nothing() -> None:
    """What comes after it is answered."""
    assert asyncio.run(talk(b"bad", b"", b"good", answers=2)) == [b"", b"good"]


def test_a_bug_ends_the_service_loudly() -> None:
    """The error comes out of the loop: a service that is half dead would not be restarted."""
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(talk(b"bug", answers=1))
    assert caught.value.subgroup(ZeroDivisionError)


def test_a_slow_answer_holds_no_other_up() -> None:
    """The second packet is answered while the first is still worked on."""
    assert asyncio.run(talk(b"slow", b"quick", answers=2)) == [b"quick", b"slow"]


def test_packets_beyond_the_limit_are_dropped() -> None:
    """The third of three that arrive together finds no room; the next one does."""
    got = asyncio.run(talk(b"quick", b"slow", b"dropped", answers=3, at_once=2, later=b"next"))
    assert got == [b"quick", b"slow", b"next"]
