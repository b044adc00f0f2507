"""One transfer on its own socket: moves packets and watches the clock for a :class:`Transfer`.

Callbacks, not a coroutine per packet: a window of one block is a round trip per 1.4 kB, and
whatever is done per packet limits a whole rack. What goes wrong in a callback ends this transfer
and is raised by :meth:`Session.run`: the loop would only log it, and the transfer hang for ever.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING

from netboot.errors import ProtocolError
from netboot.tftp import packet
from netboot.tftp.transfer import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Address

    from netboot.tftp.transfer import Transfer

log = logging.getLogger(__name__)

_IP_MTU_DISCOVER = 10
_IP_PMTUDISC_DONT = 0
"""linux/in.h. By default Linux sets DF, and a path with a smaller MTU (a tunnel) loses every full block;
without it routers fragment, as the ROMs expect of which some do not even look at the MTU."""
_IP_MTU = 14
"""linux/in.h: the path's MTU, as known to a connected socket."""
_BURST = 16
_LONGEST = 2048
"""Bytes of a client's packet that are looked at; an ACK has 4."""


def open_socket(local: IPv4Address, peer: tuple[str, int]) -> socket.socket:
    """A socket for one transfer from our address ``local`` to ``peer``. Raises OSError.

    A new port for each (RFC 1350 §4), at the address that was asked: ROMs drop answers from another.
    """
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        own.setblocking(False)  # noqa: FBT003 - the library's signature
        own.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_DONT)
        own.bind((str(local), 0))
        own.connect(peer)
    except OSError:
        own.close()
        raise
    return own


def path_mtu(own: socket.socket) -> int:
    """The largest packet that the way to the client is known to carry whole."""
    return own.getsockopt(socket.IPPROTO_IP, _IP_MTU)


class Session:
    """Runs ``transfer`` over ``own``; ``progress`` is called after every packet and timeout."""

    def __init__(self, transfer: Transfer, own: socket.socket, progress: Callable[[Transfer], None]) -> None:
        self._transfer = transfer
        self._own = own
        self._progress = progress
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[Outcome] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._trouble: OSError | None = None  # why the latest packet could not be sent

    async def run(self) -> Outcome:
        """Until the transfer has ended. Raises OSError if the content cannot be read, and any bug's error."""
        self._guarded(self._start)
        self._loop.add_reader(self._own, self._guarded, self._readable)
        try:
            return await self._ended
        except Exception:
            self.refuse("The file cannot be sent")
            raise
        finally:
            self._loop.remove_reader(self._own)
            if self._timer is not None:
                self._timer.cancel()

    def end(self, outcome: Outcome) -> None:
        """End it from outside: nothing more is sent."""
        if not self._ended.done():
            self._ended.set_result(outcome)

    def refuse(self, text: str) -> None:
        """Tell the client that nothing more comes: from this socket, as it listens to no other."""
        self._send([packet.error(packet.ErrorCode.UNDEFINED, text)])

    def _guarded(self, step: Callable[[], None]) -> None:
        if self._ended.done():
            return
        try:
            step()
        except Exception as error:  # noqa: BLE001 - raised again by run()
            if not self._ended.done():
                self._ended.set_exception(error)

    def _start(self) -> None:
        self._send(self._transfer.start(self._loop.time()))
        self._mind_the_time()

    def _readable(self) -> None:
        for _ in range(_BURST):
            data = self._arrived()
            if data is None or self._ended.done():
                return
            try:
                received = packet.parse(data)
            except ProtocolError as error:
                log.debug("%s", error)
                continue
            self._send(self._transfer.receive(received, self._loop.time()))
            self._progress(self._transfer)
            self._end_if_over()
            self._mind_the_time()

    def _arrived(self) -> bytes | None:
        """The next packet, None if there is none. Of what ICMP says, only a closed port is final."""
        try:
            return self._own.recv(_LONGEST)
        except ConnectionRefusedError:
            self._gone()
        except OSError as error:
            log.debug("%s", error)
        return None

    def _tick(self) -> None:
        self._timer = None
        self._send(self._transfer.tick(self._loop.time()))
        self._progress(self._transfer)
        self._end_if_over()
        self._mind_the_time()

    def _mind_the_time(self) -> None:
        """Each packet moves the deadline: forward, the timer follows when it fires; back, at once."""
        deadline = self._transfer.deadline
        if self._timer is not None and self._timer.when() <= deadline:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._guarded, self._tick)

    def _send(self, packets: list[bytes]) -> None:
        """What cannot be sent now (buffer full, network down, packet too large) is lost as if on the wire.

        The timer repeats it, and gives up in the end.
        """
        try:
            for data in packets:
                self._own.send(data)
                self._trouble = None
        except BlockingIOError:
            pass
        except ConnectionRefusedError:
            self._gone()
        except OSError as error:
            self._trouble = error

    def _end_if_over(self) -> None:
        outcome = self._transfer.outcome
        if outcome is not None:
            # A firewall of our own, or no way to the client: that is why it did not answer.
            reason = f": packets could not be sent: {self._trouble}" if self._trouble else ""
            self.end(Outcome(outcome.result, outcome.detail + reason))

    def _gone(self) -> None:
        """ICMP says that the client's port is closed."""
        self.end(Outcome(Result.ABORTED, "client is gone"))
