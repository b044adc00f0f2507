"""One file on its way to one client: RFC 1350, 2347, 2348, 2349, 7440.

Sans-IO: packets and the time in, bytes to send and the next deadline out. It
does not know addresses or files, only a ``Content`` that can be read at an offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from netboot.tftp import packet

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_BLOCK = 8
MAX_BLOCK = 65464
MAX_WINDOW = 64
"""Blocks. No measurement is known that gains from more."""
HEADERS = 20 + 8 + 4
"""IPv4, UDP and TFTP headers of a DATA packet: a block may be the MTU less these."""
_BLOCKS = 0x10000
_SLOWEST = 8.0


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
    """What we agree to, whatever is asked.

    Attributes:
        block: largest block; the path's MTU less ``HEADERS``, as many ROMs cannot join fragments.
        window: largest window, at most ``MAX_WINDOW``.
        interval: seconds before the first retransmission, doubled for each further one.
        retries: retransmissions without any progress before giving up.
    """

    block: int = 1468
    window: int = 16
    interval: float = 1.0
    retries: int = 6


class Result(StrEnum):
    """How a transfer ended."""

    DONE = "done"
    PROBED = "probed"
    """The client only wanted to know the size. edk2 says ERROR 8 then; not a failure."""
    ABORTED = "aborted"
    TIMED_OUT = "timed out"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended, and one line that says so."""

    result: Result
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What both sides agreed on; ``accepted`` goes into the OACK and holds only what was asked (RFC 2347)."""

    block: int
    window: int
    interval: float
    accepted: Mapping[str, str]


def negotiate(options: Mapping[str, str], size: int, limits: Limits) -> Terms:
    """Agree to what makes sense. Options with values outside their RFC are treated as not sent."""
    accepted: dict[str, str] = {}
    block, window, interval = 512, 1, limits.interval
    if (asked := _number(options, "blksize", MIN_BLOCK, MAX_BLOCK)) is not None:
        block = max(MIN_BLOCK, min(asked, limits.block))
        accepted["blksize"] = str(block)
    if "tsize" in options:
        accepted["tsize"] = str(size)
    if (asked := _number(options, "timeout", 1, 255)) is not None:
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
    block on its way; up to ``_recovered`` gaps are not gone back to again, but left to the timer.
    """

    def __init__(self, content: Content, options: Mapping[str, str], limits: Limits) -> None:
        self.outcome: Outcome | None = None
        self.deadline = 0.0
        self.terms = negotiate(options, content.size, limits)
        self._content = content
        self._retries = limits.retries
        self._blocks = content.size // self.terms.block + 1
        self._acked = -1 if self.terms.accepted else 0
        self._sent = 0
        self._recovered = 0
        self._tried = 0

    def start(self, now: float) -> list[bytes]:
        """The first packets: the OACK if options were agreed on, else the first block."""
        return self._go_back(now)

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
        self._tried += 1
        if self._tried > self._retries:
            self.outcome = Outcome(Result.TIMED_OUT, f"no answer after block {max(self._acked, 0)}")
            return []
        return self._go_back(now)

    def _acknowledged(self, wire: int, now: float) -> list[bytes]:
        """Move on; after a gap, once, back. Duplicates cause nothing (RFC 1123 §4.2.3.1)."""
        if self._acked < 0:
            return self._advance(0, now) if wire == 0 else []
        block = self._acked + ((wire - self._acked) % _BLOCKS)
        # Else a duplicate, or an old one that was delayed.
        return self._advance(block, now) if self._acked < block <= self._sent else []

    def _advance(self, block: int, now: float) -> list[bytes]:
        self._acked, self._tried = block, 0
        if block == self._blocks:
            self.outcome = Outcome(Result.DONE)
            return []
        # RFC 7440 §4: an acknowledgement inside the window says that the next block is missing.
        # edk2 sends one for each block after the gap, and one for each block that it sees twice:
        # going back for all of them would send every window twice for ever.
        if self._sent > block >= self._recovered:
            return self._go_back(now)
        self._set_deadline(now)
        return self._send_from(self._sent + 1)

    def _go_back(self, now: float) -> list[bytes]:
        """Everything after the last acknowledged block once more."""
        self._set_deadline(now)
        if self._acked < 0:
            return [packet.oack(self.terms.accepted)]
        packets = self._send_from(self._acked + 1)
        self._recovered = self._sent
        return packets

    def _send_from(self, first: int) -> list[bytes]:
        """The blocks from ``first`` to the end of the window."""
        self._sent = min(self._acked + self.terms.window, self._blocks)
        return [self._data(block) for block in range(first, self._sent + 1)]

    def _set_deadline(self, now: float) -> None:
        longest = max(_SLOWEST, self.terms.interval)
        self.deadline = now + min(self.terms.interval * 2**self._tried, longest)

    def _data(self, block: int) -> bytes:
        size = self.terms.block
        return packet.data(block, self._content.read((block - 1) * size, size))

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
