"""The transfer machine: negotiation, windows, loss, roll-over, and every way to end."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netboot.tftp.files import Text
from netboot.tftp.packet import Ack, Error, Packet, Request
from netboot.tftp.transfer import Limits, Outcome, Result, Transfer, negotiate
from tests.clients.tftp_link import Client, Link

LIMITS = Limits(block=1468, window=16)


def transfer(size: int = 1000, **options: str) -> Transfer:
    """A transfer of ``size`` bytes with these options."""
    return Transfer(Text(bytes(index % 251 for index in range(size))), options, LIMITS)


def blocks(packets: list[bytes]) -> list[int]:
    """The block numbers of DATA packets."""
    assert all(packet[:2] == b"\0\3" for packet in packets)
    return [int.from_bytes(packet[2:4], "big") for packet in packets]


def waits(running: Transfer, now: float = 0.0) -> list[float]:
    """How long a transfer waits before each repetition, from ``now`` to its end without an answer."""
    found = []
    while running.outcome is None:
        found.append(running.deadline - now)
        now = running.deadline
        running.tick(now)
    return found


@pytest.mark.parametrize(
    ("options", "accepted"),
    [
        ({}, {}),
        ({"blksize": "1024"}, {"blksize": "1024"}),
        ({"blksize": "65464"}, {"blksize": "1468"}),  # clamped to the MTU
        ({"blksize": "7"}, {}),
        ({"blksize": "65465"}, {}),
        ({"blksize": "abc"}, {}),
        ({"blksize": "\u0661\u0660"}, {}),
        ({"blksize": "9" * 5000}, {}),
        ({"tsize": "0"}, {"tsize": "1000"}),
        ({"timeout": "3"}, {"timeout": "3"}),
        ({"timeout": "0"}, {}),
        ({"timeout": "10"}, {"timeout": "10"}),
        ({"timeout": "11"}, {}),  # a client is not to say for how long we hold a place for it
        ({"timeout": "255"}, {}),
        ({"windowsize": "4"}, {"windowsize": "4"}),
        ({"windowsize": "64"}, {"windowsize": "16"}),
        ({"windowsize": "0"}, {}),
        ({"multicast": ""}, {}),
    ],
)
def test_only_what_was_asked_is_accepted(options: dict[str, str], accepted: dict[str, str]) -> None:
    """RFC 2347: firmware rejects an OACK with an option that it did not send."""
    assert negotiate(options, 1000, LIMITS).accepted == accepted


def test_without_options_data_comes_at_once() -> None:
    """No OACK for a client that knows no options: block 1 with 512 bytes."""
    (first,) = transfer().start(0.0)
    assert first[:4] == b"\0\3\0\1"
    assert len(first) == 4 + 512


def test_the_oack_waits_for_its_ack() -> None:
    """With options the OACK is first, and ACK 0 opens the window."""
    running = transfer(5000, blksize="512", windowsize="4")
    (oack,) = running.start(0.0)
    assert oack == b"\0\6blksize\x00512\0windowsize\x004\0"
    assert running.receive(Ack(7), 0.0) == []
    assert blocks(running.receive(Ack(0), 0.0)) == [1, 2, 3, 4]


def test_an_ack_inside_the_window_goes_back_to_it() -> None:
    """RFC 7440 §4: the client missed block 3."""
    running = transfer(5000, windowsize="4")
    running.start(0.0)
    running.receive(Ack(0), 0.0)
    assert blocks(running.receive(Ack(2), 0.0)) == [3, 4, 5, 6]


def test_duplicate_acks_do_not_multiply() -> None:
    """The Sorcerer's Apprentice (RFC 1123 §4.2.3.1) stays away, with and without a window."""
    single = transfer(5000)
    single.start(0.0)
    assert blocks(single.receive(Ack(1), 0.0)) == [2]
    assert single.receive(Ack(1), 0.0) == []
    assert single.receive(Ack(0), 0.0) == []
    wide = transfer(50000, windowsize="4")
    wide.start(0.0)
    wide.receive(Ack(0), 0.0)
    assert blocks(wide.receive(Ack(0), 0.0)) == [1, 2, 3, 4]  # in a window it means: 1 is missing …
    assert wide.receive(Ack(0), 0.0) == []  # … and is heard once
    assert blocks(wide.receive(Ack(4), 0.0)) == [5, 6, 7, 8]
    assert wide.receive(Ack(4), 0.0) == []  # 4 was seen twice
    assert blocks(wide.receive(Ack(6), 0.0)) == [7, 8, 9, 10]  # 7 was lost …
    assert wide.receive(Ack(6), 0.0) == []
    assert blocks(wide.receive(Ack(8), 0.0)) == [11, 12]  # … and 8 was seen twice: on, not back
    assert wide.receive(Ack(60000), 0.0) == []


def opened(size: int = 100_000, window: int = 4, round_trip: float = 0.001) -> tuple[Transfer, float]:
    """A transfer whose OACK was acknowledged, its first window under way; and the time."""
    running = transfer(size, windowsize=str(window))
    running.start(0.0)
    assert blocks(running.receive(Ack(0), round_trip)) == list(range(1, window + 1))
    return running, round_trip


def test_a_lost_first_block_is_sent_without_a_timer() -> None:
    """The client acknowledges the last window once more (RFC 7440 §4): that moment, not a second later."""
    running, now = opened()
    assert blocks(running.receive(Ack(4), now)) == [5, 6, 7, 8]
    assert blocks(running.receive(Ack(4), now)) == [5, 6, 7, 8]
    for _ in range(2):  # edk2 says so for 7 and 8, too
        assert running.receive(Ack(4), now) == []
    assert blocks(running.receive(Ack(8), now)) == [9, 10, 11, 12]


def test_a_lost_last_block_is_probed_for() -> None:
    """No packet of the client tells of it: after two round trips the last block is sent again, it alone."""
    running, now = opened()
    assert running.deadline - now < 0.1
    assert blocks(running.tick(running.deadline)) == [4]
    assert blocks(running.receive(Ack(4), running.deadline)) == [5, 6, 7, 8]


def test_the_answer_to_a_probe_says_what_is_missing() -> None:
    """All of the window lost, or its middle: the client says how far it got, and is sent the rest."""
    running, now = opened()
    now = running.deadline
    assert blocks(running.tick(now)) == [4]
    assert blocks(running.receive(Ack(2), now)) == [3, 4, 5, 6]
    running, now = opened()
    running.receive(Ack(4), now)
    now = running.deadline
    assert blocks(running.tick(now)) == [8]
    assert blocks(running.receive(Ack(4), now)) == [5, 6, 7, 8]


def test_a_needless_probe_multiplies_nothing() -> None:
    """Only the acknowledgement was late: the second one, which the probe causes, is an echo."""
    running, now = opened()
    now = running.deadline
    running.tick(now)
    assert blocks(running.receive(Ack(4), now)) == [5, 6, 7, 8]
    assert running.receive(Ack(4), now) == []


def test_the_timer_follows_the_client() -> None:
    """RFC 1123 §4.2.3.2: a lost block on a LAN costs little, and a slow client has its time."""
    quick, slow = transfer(100_000), transfer(100_000)
    quick.start(0.0)
    quick.receive(Ack(1), 0.001)
    assert quick.deadline == pytest.approx(0.201)
    assert blocks(quick.tick(quick.deadline)) == [2]
    slow.start(0.0)
    slow.receive(Ack(1), 0.9)
    assert slow.deadline > 0.9 + 1.8


def test_a_client_that_became_slow_is_measured_again() -> None:
    """Else each block would be sent twice to the end: what is repeated measures nothing."""
    running = transfer(100_000)
    running.start(0.0)
    running.receive(Ack(1), 0.001)
    now, repeated = 0.001, 0
    for block in range(2, 30):
        answered = now + 0.6
        while running.deadline < answered:
            repeated += len(running.tick(running.deadline))
        now = answered
        running.receive(Ack(block), now)
    assert repeated < 6


def test_blocks_that_never_arrive_are_noticed() -> None:
    """The OACK is acknowledged, full blocks are not: the path carries less than our own network."""
    running = transfer(10_000, blksize="1468")
    running.start(0.0)
    running.receive(Ack(0), 0.0)
    assert not running.blocks_are_lost
    waits(running)
    assert running.blocks_are_lost
    assert running.outcome is not None
    assert running.outcome.detail == "no answer to blocks of 1468 bytes: does the path carry packets of 1500?"


class Shrinking(Text):
    """A file that is cut while it is sent."""

    def read(self, offset: int, length: int) -> bytes:
        return super().read(offset, length) if offset == 0 else b""


def test_a_file_that_becomes_shorter_is_no_end_of_file() -> None:
    """A short block would make the client start half a loader."""
    running = Transfer(Shrinking(bytes(2000)), {}, LIMITS)
    running.start(0.0)
    with pytest.raises(OSError, match="became shorter"):
        running.receive(Ack(1), 0.0)


def test_retransmission_backs_off_and_gives_up() -> None:
    """Only time causes a repetition, ever more rarely, and in the end none."""
    running = transfer()
    running.start(0.0)
    assert running.tick(0.5) == []
    assert waits(running) == [1.0, 2.0, 4.0, 8.0]
    assert running.outcome == Outcome(Result.TIMED_OUT, "no answer at all")
    assert running.receive(Ack(1), 20.0) == []
    assert running.tick(20.0) == []


def test_a_client_that_was_there_is_waited_for_longer() -> None:
    """It may be busy, or its switch port blocked; one that never answered may not even exist."""
    running = transfer(10_000)
    running.start(0.0)
    running.tick(running.deadline)
    running.receive(Ack(1), 0.0)
    assert waits(running) == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 1.0]
    assert running.outcome == Outcome(Result.TIMED_OUT, "no answer after block 1")


@pytest.mark.parametrize("options", [{}, {"timeout": "10"}, {"timeout": "255"}, {"windowsize": "16"}])
def test_no_client_says_how_long_it_is_waited_for(options: dict[str, str]) -> None:
    """RFC 2349 allows 255 s between repetitions: half an hour for a client that is not there."""
    running = transfer(10_000, **options)
    running.start(0.0)
    assert sum(waits(running)) == LIMITS.unheard
    running = transfer(100_000, **options)
    running.start(0.0)
    running.receive(Ack(0), 5.0)
    running.receive(Ack(1), 5.0)
    assert running.heard
    assert sum(waits(running, 5.0)) == LIMITS.patience


def test_progress_resets_the_patience() -> None:
    """A client that is slow but alive is not given up."""
    running = transfer(10_000)
    running.start(0.0)
    for block in range(1, 6):
        running.tick(running.deadline)
        running.tick(running.deadline)
        running.receive(Ack(block), 100.0)
        assert running.deadline == 101.0


def test_the_clients_timeout_is_used() -> None:
    """RFC 2349."""
    running = transfer(timeout="7")
    running.start(0.0)
    assert running.deadline == 7.0
    running.receive(Ack(0), 0.001)
    assert running.deadline == 7.001  # agreed is agreed, however quick the client is


@pytest.mark.parametrize(
    ("options", "before", "error", "result"),
    [
        ({"tsize": "0"}, [], Error(8, "User aborted"), Result.PROBED),
        ({"tsize": "0"}, [], Error(0, ""), Result.PROBED),
        ({"blksize": "1468"}, [], Error(8, "too big"), Result.ABORTED),
        ({"tsize": "0"}, [Ack(0), Ack(1)], Error(8, "User aborted"), Result.ABORTED),
        ({}, [], Error(3, "disk full"), Result.ABORTED),
    ],
)
def test_errors_of_the_client(
    options: dict[str, str], before: list[Packet], error: Error, result: Result
) -> None:
    """edk2 asks for the size and aborts: a probe, no failure. Later it is one."""
    running = transfer(5000, **options)
    running.start(0.0)
    for received in before:
        running.receive(received, 0.0)
    assert running.receive(error, 0.0) == []
    assert running.outcome is not None
    assert running.outcome.result is result


def test_a_repeated_request_changes_nothing() -> None:
    """A duplicate of the first packet is answered by the timer, not at once."""
    running = transfer()
    running.start(0.0)
    assert running.receive(Request("x", "octet", {}), 0.0) == []


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1024])
def test_the_last_block_is_short(size: int) -> None:
    """A multiple of the block size ends with an empty block."""
    running = transfer(size)
    client = Client(512, 1)
    Link(Random(1)).run(running, client)
    assert (len(client.got), client.expected - 1) == (size, size // 512 + 1)


def test_block_numbers_roll_over() -> None:
    """More than 65535 blocks, as a kernel has at 512 bytes, with a window across the seam."""
    content = Text(Random(5).randbytes(8 * 70_000))
    running = Transfer(content, {"blksize": "8", "windowsize": "16"}, LIMITS)
    client = Client(8, 16)
    link = Link(Random(1), loss=0.001, doubled=0.001)
    link.run(running, client)
    assert bytes(client.got) == content.body
    assert link.sent < 1.2 * 70_000  # loss and doubles cost little, and do not add up


@given(
    seed=st.integers(0, 2**32),
    wire=st.sampled_from([(0.0, 0.0), (0.05, 0.0), (0.2, 0.1), (0.0, 0.1)]),
    block=st.sampled_from([8, 512, 1468]),
    window=st.sampled_from([1, 2, 4, 16]),
    size=st.integers(0, 6000),
)
def test_loss_and_duplicates_do_not_harm(
    seed: int, wire: tuple[float, float], block: int, window: int, size: int
) -> None:
    """Whatever the wire does: the file arrives as it is, or the transfer says that it timed out."""
    content = Text(Random(seed).randbytes(size))
    running = Transfer(content, {"blksize": str(block), "windowsize": str(window)}, LIMITS)
    client = Client(block, window)
    link = Link(Random(seed), *wire)
    link.run(running, client)
    assert running.outcome is not None
    if running.outcome.result is Result.DONE:
        assert bytes(client.got) == content.body
    else:
        assert running.outcome.result is Result.TIMED_OUT
        assert content.body.startswith(bytes(client.got))
    if wire == (0.0, 0.0):
        assert link.sent < 4 + 2 * (size // block + 2)
