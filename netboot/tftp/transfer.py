"""One file on its way to one client: RFC 1350, 2347, 2348, 2349, 7440.

Sans-IO: packets and the time in, bytes to send and the next deadline out. It
does not know addresses or files, only a ``Content`` that can be read at an offset.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from netboot.tftp import packet
from netboot.tftp.round_trip import SLOWEST, RoundTrip

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_BLOCK = 8
DEFAULT_BLOCK = 512
"""Bytes of a block when nothing is agreed on (RFC 1350); every path carries it (RFC 791 §3.1)."""
MAX_BLOCK = 65464
MAX_WINDOW = 64
"""Blocks. No measurement is known that gains from more."""
HEADERS = 20 + 8 + 4
"""IPv4, UDP and TFTP headers of a DATA packet: a block may be the MTU less these."""
_BLOCKS = 0x10000
_SUSPICIOUS = 3
"""Retransmissions of the first window without an answer, after an OACK that was answered."""


class Content(Protocol):
    """What is transferred; its size must not change meanwhile."""

    @property
    def size(self) -> int:
        """Bytes in all."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """``length`` bytes from ``offset``, fewer only at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What we agree to, whatever is asked. Times are seconds.

    Attributes:
        block: largest block; the path's MTU less ``HEADERS``, as many ROMs cannot join fragments.
        window: largest window, at most ``MAX_WINDOW``.
        interval: wait before the first retransmission while nothing is known of the client.
        timeout: longest interval that a client may ask for (RFC 2349 allows 255).
        unheard: life of a transfer of which nothing was ever acknowledged.
        patience: time without any progress after which a client is given up.
    """

    block: int = 1468
    window: int = 16
    interval: float = 1.0
    timeout: int = 10
    unheard: float = 15.0
    patience: float = 40.0


class Result(StrEnum):
    """How a transfer ended."""

    DONE = "done"
    PROBED = "probed"
    """The client only wanted to know the size. edk2 says ERROR 8 then; not a failure."""
    ABORTED = "aborted"
    TIMED_OUT = "timed out"
    REPLACED = "replaced"
    """The client asked for something else from the same port: it has forgotten this transfer."""
    GAVE_WAY = "gave way"
    """All places were taken, and this was the transfer that could best be done without."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended, and one line that says so."""

    result: Result
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What both sides agreed on; ``accepted`` goes into the OACK and holds only what was asked (RFC 2347).

    ``interval`` is the client's wish (RFC 2349); None: ours to choose.
    """

    block: int
    window: int
    interval: float | None
    accepted: Mapping[str, str]


def negotiate(options: Mapping[str, str], size: int, limits: Limits) -> Terms:
    """Agree to what makes sense. Options with values outside their RFC are treated as not sent."""
    accepted: dict[str, str] = {}
    block, window, interval = DEFAULT_BLOCK, 1, None
    if (asked := _number(options, "blksize", MIN_BLOCK, MAX_BLOCK)) is not None:
        block = max(MIN_BLOCK, min(asked, limits.block))
        accepted["blksize"] = str(block)
    if "tsize" in options:
        accepted["tsize"] = str(size)
    if (asked := _number(options, "timeout", 1, limits.timeout)) is not None:
        interval = float(asked)
        accepted["timeout"] = str(asked)
    if (asked := _number(options, "windowsize", 1, 65535)) is not None:
        window = min(asked, limits.window, MAX_WINDOW)
        accepted["windowsize"] = str(window)
    return Terms(block, window, interval, accepted)


class Transfer:
    """The server's side of one read request.

    Block numbers inside are absolute; only on the wire are they modulo 65536. The
    client has everything up to ``_acked`` (-1: not even the OACK); ``_sent`` is the last
    block on its way; up to ``_recovered`` gaps are not gone back to again, but left to the timer;
    a second acknowledgement of ``_probed`` only echoes a probe.

    Attributes:
        outcome: how it ended; None while it runs.
        deadline: when :meth:`tick` is to be called.
        heard: whether the client has acknowledged anything.
        since: when it last made progress, or began.
    """

    def __init__(self, content: Content, options: Mapping[str, str], limits: Limits) -> None:
        self.outcome: Outcome | None = None
        self.deadline = 0.0
        self.heard = False
        self.since = 0.0
        self.terms = negotiate(options, content.size, limits)
        self._content = content
        self._limits = limits
        self._round_trip = RoundTrip(limits.interval)
        self._blocks = content.size // self.terms.block + 1
        self._acked = -1 if self.terms.accepted else 0
        self._sent = 0
        self._recovered = -1
        self._probed = -1
        self._probe_next = False
        self._tried = 0
        self._clocked: tuple[int, float] | None = None  # an acknowledgement to come, and since when

    @property
    def blocks_are_lost(self) -> bool:
        """Whether the agreed blocks seem too large for the path: the client took the OACK, and no more."""
        told = self._acked == 0 and self.heard
        return told and self._tried >= _SUSPICIOUS and self.terms.block > DEFAULT_BLOCK

    def start(self, now: float) -> list[bytes]:
        """The first packets: the OACK if options were agreed on, else the first block."""
        self.since = now
        packets = self._go_back(now)
        self._recovered = -1  # nothing is sent twice yet
        self._clocked = (max(self._acked + 1, 0), now)
        return packets

    def receive(self, received: packet.Packet, now: float) -> list[bytes]:
        """Take a packet from the client; returns what to send."""
        if self.outcome is not None:
            return []
        match received:
            case packet.Ack(block):
                return self._acknowledged(block, now)
            case packet.Error(code, text):
                self.outcome = self._ended(code, text)
            case packet.Request():
                pass  # a duplicate of the request that began this; the timer answers
        return []

    def tick(self, now: float) -> list[bytes]:
        """To be called when ``deadline`` is reached: retransmits, or gives up."""
        if self.outcome is not None or now < self.deadline:
            return []
        if now >= self._given_up:
            self.outcome = Outcome(Result.TIMED_OUT, self._silence())
            return []
        if self._probe_next:
            return self._probe(now)
        self._tried += 1
        return self._go_back(now)

    @property
    def _given_up(self) -> float:
        return self.since + (self._limits.patience if self.heard else self._limits.unheard)

    def _silence(self) -> str:
        if not self.heard:
            return "no answer at all"
        if self.blocks_are_lost:
            size = self.terms.block
            return f"no answer to blocks of {size} bytes: does the path carry packets of {size + HEADERS}?"
        return f"no answer after block {max(self._acked, 0)}"

    def _acknowledged(self, wire: int, now: float) -> list[bytes]:
        """Move on; after a gap, once, back."""
        if self._acked < 0:
            return self._advance(0, now) if wire == 0 else []
        block = self._acked + ((wire - self._acked) % _BLOCKS)
        if block == self._acked:
            return self._acknowledged_twice(now)
        # Else an old one that was delayed.
        return self._advance(block, now) if block <= self._sent else []

    def _acknowledged_twice(self, now: float) -> list[bytes]:
        """In a window it says that the window's first block is missing (RFC 7440 §4); without, nothing.

        A block that is seen twice is acknowledged twice, too: what may be the echo of our own
        repetition causes none, or two machines repeat everything for ever (RFC 1123 §4.2.3.1).
        """
        echo = self._acked <= self._recovered or self._acked == self._probed
        return [] if self.terms.window == 1 or echo else self._go_back(now)

    def _advance(self, block: int, now: float) -> list[bytes]:
        self._measure(block, now)
        self._acked, self._tried, self.since, self.heard = block, 0, now, True
        if block == self._blocks:
            self.outcome = Outcome(Result.DONE)
            return []
        # RFC 7440 §4: an acknowledgement inside the window says that the next block is missing.
        # edk2 sends one for each block after the gap, and one for each block that it sees twice:
        # going back for all of them would send every window twice for ever.
        if self._sent > block >= self._recovered:
            return self._go_back(now)
        packets = self._send_from(self._sent + 1)
        if packets and self._clocked is None:
            self._clocked = (self._sent, now)
        self._wait(now, probe=True)
        return packets

    def _measure(self, block: int, now: float) -> None:
        if self._tried:
            self._round_trip.late(self._tried)
        if self._clocked is not None and block >= self._clocked[0]:
            self._round_trip.measured(now - self._clocked[1])
            self._clocked = None

    def _probe(self, now: float) -> list[bytes]:
        """Only the window's last block: whatever was lost, the client's answer to it says what to send."""
        self._probed = self._sent
        self._wait(now, probe=False)
        return [self._data(self._sent)]

    def _go_back(self, now: float) -> list[bytes]:
        """Everything after the last acknowledged block once more."""
        self._clocked = None
        self._wait(now, probe=False)
        if self._acked < 0:
            self._recovered = 0  # the OACK, too, is acknowledged as often as it is seen
            return [packet.oack(self.terms.accepted)]
        packets = self._send_from(self._acked + 1)
        self._recovered = self._sent
        return packets

    def _send_from(self, first: int) -> list[bytes]:
        """The blocks from ``first`` to the end of the window."""
        self._sent = min(self._acked + self.terms.window, self._blocks)
        return [self._data(block) for block in range(first, self._sent + 1)]

    def _wait(self, now: float, *, probe: bool) -> None:
        """Set the deadline. A window whose acknowledgement is late is probed first, if we choose the time."""
        asked = self.terms.interval
        soon = self._round_trip.probe if probe and asked is None and self.terms.window > 1 else None
        self._probe_next = soon is not None
        first = asked or self._round_trip.timeout
        wait = min(first * 2**self._tried, max(SLOWEST, first)) if soon is None else soon
        self.deadline = min(now + wait, self._given_up)

    def _data(self, block: int) -> bytes:
        """A DATA packet. Raises OSError if the content cannot be read, or has become shorter."""
        offset = (block - 1) * self.terms.block
        wanted = min(self.terms.block, self._content.size - offset)
        payload = self._content.read(offset, wanted)
        if len(payload) != wanted:  # a short block would tell the client that the file ends here
            raise OSError(errno.EIO, "the file became shorter while it was sent")
        return packet.data(block, payload)

    def _ended(self, code: int, text: str) -> Outcome:
        probed = self._acked < 1 and "tsize" in self.terms.accepted
        if probed and code in (packet.ErrorCode.OPTIONS, packet.ErrorCode.UNDEFINED):
            return Outcome(Result.PROBED, f"{self._content.size} bytes")
        return Outcome(Result.ABORTED, f"client says: {text or 'nothing'} (error {code})")


def _number(options: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    text = options.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 5):  # noqa: PLR2004 - no option exceeds 65535
        return None
    return int(text) if least <= int(text) <= most else None
