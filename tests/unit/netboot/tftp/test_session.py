"""A transfer on a real socket: every way in which it ends, and none in which it hangs."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from netboot.tftp.files import Text
from netboot.tftp.session import Session, open_socket
from netboot.tftp.transfer import Limits, Outcome, Result, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOOPBACK = IPv4Address("127.0.0.1")
IMPATIENT = Limits(interval=0.02, unheard=0.1, patience=0.2)


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our socket for one transfer, and the client's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((str(LOOPBACK), 0))
        client.settimeout(10)
        with open_socket(LOOPBACK, client.getsockname()) as own:
            yield own, client


def run(transfer: Transfer, own: socket.socket, meanwhile: Callable[[Session], None]) -> Outcome:
    """Run a session to its end; ``meanwhile`` is called when it has begun."""

    async def session() -> Outcome:
        running = Session(transfer, own, lambda _: None)
        asyncio.get_running_loop().call_soon(meanwhile, running)
        return await running.run()

    return asyncio.run(session())


def test_a_client_that_says_nothing() -> None:
    """It is given up."""
    with pair() as (own, _):
        outcome = run(Transfer(Text(b"x"), {}, IMPATIENT), own, lambda _: None)
    assert outcome == Outcome(Result.TIMED_OUT, "no answer at all")


def test_why_nothing_could_be_sent_is_told() -> None:
    """Not the client's silence is the reason, but ours."""
    with pair() as (own, _):
        own.shutdown(socket.SHUT_WR)  # as a firewall of our own: every send fails
        outcome = run(Transfer(Text(b"x"), {}, IMPATIENT), own, lambda _: None)
    assert outcome.result is Result.TIMED_OUT
    assert outcome.detail == "no answer at all: packets could not be sent: [Errno 32] Broken pipe"


@pytest.mark.parametrize("window", [1, 4])
def test_a_lost_packet_is_repeated_as_soon_as_the_client_is_known_to_be_quick(window: int) -> None:
    """The wait for the first answer is no measure for the next one: here a minute."""
    with pair() as (own, client):
        answer = own.getsockname()

        def lose_the_second(session: Session) -> None:
            assert client.recv(1000)[:2] == b"\0\6"
            client.sendto(b"\0\4\0\0", answer)
            del session

        options = {"blksize": "512", "windowsize": str(window)}
        patient = Limits(interval=60.0, unheard=120.0, patience=2.0)
        outcome = run(Transfer(Text(bytes(5000)), options, patient), own, lose_the_second)
        assert outcome.result is Result.TIMED_OUT
        sent = []
        client.settimeout(0)
        with suppress(BlockingIOError):
            while True:
                sent.append(client.recv(1000)[:4])
        assert sent.count(b"\0\3\0" + bytes([window])) > 2


def test_a_client_whose_port_is_closed() -> None:
    """ICMP tells at once."""
    with pair() as (own, client):
        outcome = run(Transfer(Text(b"x"), {}, Limits()), own, lambda _: client.close())
    assert outcome == Outcome(Result.ABORTED, "client is gone")


def test_ended_from_outside() -> None:
    """Nothing more is sent, not even what the client asks for."""
    with pair() as (own, client):

        def replace(session: Session) -> None:
            session.end(Outcome(Result.REPLACED))
            client.sendto(b"\0\4\0\1", own.getsockname())

        outcome = run(Transfer(Text(bytes(5000)), {}, Limits()), own, replace)
        assert outcome.result is Result.REPLACED
        assert client.recv(1000)[:4] == b"\0\3\0\1"
        client.settimeout(0)
        with pytest.raises(BlockingIOError):
            client.recv(1000)


class Faulty(Text):
    """A content whose second block cannot be read."""

    error: Exception = OSError(5, "Input/output error")

    def read(self, offset: int, length: int) -> bytes:
        if offset:
            raise self.error
        return super().read(offset, length)


class Bug(Faulty):
    """Likewise, by a fault of ours."""

    error = ZeroDivisionError()


@pytest.mark.parametrize("kind", [Faulty, Bug])
def test_what_goes_wrong_between_two_packets_is_raised(kind: type[Faulty]) -> None:
    """In a callback the loop would only log it, and the transfer never end. The client is told."""
    with pair() as (own, client):

        def acknowledge(session: Session) -> None:
            del session
            client.sendto(b"\0\4\0\1", own.getsockname())

        with pytest.raises(type(kind.error)):
            run(Transfer(kind(bytes(5000)), {}, Limits()), own, acknowledge)
        assert client.recv(1000)[:4] == b"\0\3\0\1"
        assert client.recv(1000) == b"\0\5\0\0The file cannot be sent\0"


def test_the_same_when_the_timer_fires() -> None:
    """A repetition that cannot be read."""

    class Once(Text):
        reads = 0

        def read(self, offset: int, length: int) -> bytes:
            Once.reads += 1
            if Once.reads > 1:
                raise ZeroDivisionError
            return super().read(offset, length)

    with pair() as (own, _), pytest.raises(ZeroDivisionError):
        run(Transfer(Once(bytes(5000)), {}, IMPATIENT), own, lambda _: None)
