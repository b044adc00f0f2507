"""HTTP with patience: real connections to a real server that misbehaves."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import pytest

from initramfs.agent.errors import ServerError, Unreachable
from initramfs.agent.fetch import Appliance, Clock, Conflict, NotFound


@dataclass
class FakeTime:
    """Time that passes only when somebody sleeps."""

    at: float = 0.0
    naps: list[float] = field(default_factory=list)

    def clock(self) -> Clock:
        """As the code under test sees it."""
        return Clock(lambda: self.at, self.sleep)

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.at += seconds
        self.naps.append(seconds)


@contextmanager
def server(*answers: bytes) -> Iterator[str]:
    """A server on loopback that gives one raw answer per connection, then closes it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join()
        listener.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
TRUNCATED = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"
TRUNCATED_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"


@pytest.mark.parametrize("bad", [BUSY, TRUNCATED, TRUNCATED_CHUNKED, b"", b"garbage\r\n\r\n"])
def test_a_bad_answer_is_asked_for_again(bad: bytes) -> None:
    """A restarting appliance, a cut body: half an answer is never taken for a whole one."""
    with server(bad, bad, OK) as url, closing(Appliance(url, FakeTime().clock())) as appliance:
        assert appliance.get("/x") == b"hello"


def test_an_outage_is_told_once() -> None:
    """A person at the console learns what the machine is waiting for, in one line."""
    told: list[str] = []
    with (
        server(BUSY, BUSY, BUSY, BUSY, OK) as url,
        closing(Appliance(url, FakeTime().clock(), told.append)) as appliance,
    ):
        appliance.get("/x")
    assert len(told) == 1
    assert "503" in told[0]


def test_patience_has_an_end() -> None:
    """Nobody there: after the agreed time the agent gives up and says what to look at."""
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    time = FakeTime()
    with pytest.raises(Unreachable, match="waited 60 s") as caught:
        Appliance(f"http://127.0.0.1:{port}", time.clock(), patience=60).get("/x")
    assert "clonesys serve" in caught.value.hint
    assert sum(time.naps) >= 60


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFound), (409, Conflict), (403, ServerError), (507, ServerError)]
)
def test_a_refusal_is_believed_at_once(status: int, kind: type[Exception]) -> None:
    """A no does not become a yes by asking again; its reason and hint are shown."""
    body = b'{"detail":"unknown token","hint":"restart the machine"}'
    answer = b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
    with (
        server(answer) as url,
        closing(Appliance(url, FakeTime().clock())) as appliance,
        pytest.raises(kind, match="unknown token") as caught,
    ):
        appliance.get("/x")
    assert isinstance(caught.value, ServerError)
    assert caught.value.hint == "restart the machine"


ENDLESS = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"40\r\n" + b"x" * 64 + b"\r\n" + b"40\r\n"
)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\nx", ENDLESS], ids=["huge", "endless"]
)
def test_a_body_larger_than_agreed_is_not_read(answer: bytes) -> None:
    """Whoever answers first could otherwise fill the machine's memory."""
    with (
        server(answer) as url,
        closing(Appliance(url, FakeTime().clock())) as appliance,
        pytest.raises(ServerError, match="more than 50 bytes"),
    ):
        appliance.get("/x", limit=50)


def test_a_body_of_the_agreed_size_is_whole() -> None:
    """The limit counts too."""
    with server(OK) as url, closing(Appliance(url, FakeTime().clock())) as appliance:
        assert appliance.get("/x", limit=5) == b"hello"


UNKNOWN = b'HTTP/1.1 401 No\r\nContent-Length: 30\r\n\r\n{"detail":"unknown token     "}'


def test_a_token_that_is_lost_is_asked_for_once_more() -> None:
    """What was refused is said again under the new one; other threads find it renewed."""
    with server(UNKNOWN, OK) as url, closing(Appliance(url, FakeTime().clock(), token="old")) as appliance:

        def renew() -> None:
            appliance.token = "new"

        appliance.renew = renew
        assert appliance.get("/x") == b"hello"
        assert appliance.token == "new"


def test_a_new_token_that_is_unknown_too_is_the_end() -> None:
    """Else an agent would say hello for ever."""
    times: list[None] = []
    with (
        server(UNKNOWN, UNKNOWN) as url,
        closing(Appliance(url, FakeTime().clock(), token="old")) as appliance,
    ):
        appliance.renew = lambda: times.append(None)
        with pytest.raises(ServerError, match="unknown token"):
            appliance.get("/x")
    assert len(times) == 1


@pytest.mark.parametrize("status", [408, 429, 503])
def test_too_slow_and_too_much_are_no_refusals(status: int) -> None:
    """The appliance is busy: asking again helps."""
    answer = b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status
    with server(answer, OK) as url, closing(Appliance(url, FakeTime().clock())) as appliance:
        assert appliance.get("/x") == b"hello"
