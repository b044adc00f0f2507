"""One transfer on its own socket: moves packets and watches the clock for a :class:`Transfer`.

Callbacks, not a coroutine per packet: a window of one block is a round trip per 1.4 kB, and
whatever is done per packet limits a whole rack.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from netboot.errors import ProtocolError
from netboot.tftp import packet
from netboot.tftp.transfer import Outcome, Result

if TYPE_CHECKING:
    import socket

    from netboot.tftp.transfer import Transfer

log = logging.getLogger(__name__)

_BURST = 16
_LONGEST = 2048
"""Bytes of a client's packet that are looked at; an ACK has 4."""


class Session:
    """Runs ``transfer`` over ``own``, a non-blocking socket connected to the client."""

    def __init__(self, transfer: Transfer, own: socket.socket) -> None:
        self._transfer = transfer
        self._own = own
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[Outcome] = self._loop.create_future()

    async def run(self) -> Outcome:
        """Until the transfer has ended. Raises OSError if the content cannot be read."""
        self._send(self._transfer.start(self._loop.time()))
        self._timer = self._loop.call_at(self._transfer.deadline, self._tick)
        self._loop.add_reader(self._own, self._readable)
        try:
            return await self._ended
        finally:
            self._loop.remove_reader(self._own)
            self._timer.cancel()

    def _readable(self) -> None:
        try:
            for _ in range(_BURST):
                self._received(self._own.recv(_LONGEST))
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:
            self._gone()
        except OSError as error:
            self._fail(error)

    def _received(self, data: bytes) -> None:
        try:
            received = packet.parse(data)
        except ProtocolError as error:
            log.debug("%s", error)
            return
        self._send(self._transfer.receive(received, self._loop.time()))

    def _tick(self) -> None:
        """The deadline moves with every packet; the timer looks after it only when it fires."""
        try:
            self._send(self._transfer.tick(self._loop.time()))
        except OSError as error:
            self._fail(error)
        self._timer = self._loop.call_at(self._transfer.deadline, self._tick)

    def _send(self, packets: list[bytes]) -> None:
        """What does not fit into the kernel's buffer is lost as if on the wire; the timer repeats it."""
        try:
            for data in packets:
                self._own.send(data)
        except BlockingIOError:
            pass
        except ConnectionError:
            self._gone()
        if self._transfer.outcome is not None:
            self._end(self._transfer.outcome)

    def _gone(self) -> None:
        """ICMP says that the client's port is closed."""
        self._end(Outcome(Result.ABORTED, "client is gone"))

    def _end(self, outcome: Outcome) -> None:
        if not self._ended.done():
            self._ended.set_result(outcome)

    def _fail(self, error: OSError) -> None:
        if not self._ended.done():
            self._ended.set_exception(error)
