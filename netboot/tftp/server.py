"""The TFTP service: takes requests, finds files, starts a session for each.

Every read request is answered, and told as an event: with the file, or with an ERROR that says why
not. What is no request is told only. A bug in one transfer ends that transfer, loudly; the others
go on. How many run at once, and which gives way, :mod:`netboot.tftp.admission` decides.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netboot.datagrams import receive_datagrams, reply
from netboot.errors import NetbootError, ProtocolError
from netboot.events import Kind
from netboot.memory import RateLimit, Recent
from netboot.model import Endpoint
from netboot.telling import Telling
from netboot.tftp import files, packet
from netboot.tftp.admission import Admission, Line
from netboot.tftp.contents import Contents
from netboot.tftp.session import Session, open_socket, path_mtu
from netboot.tftp.transfer import DEFAULT_BLOCK, HEADERS, MAX_BLOCK, Limits, Outcome, Result, Transfer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from netboot.booter import Booter
    from netboot.datagrams import Datagram
    from netboot.events import Tell
    from netboot.listening import Port
    from netboot.tftp.admission import Peer, Place
    from netboot.tftp.files import File, Text

log = logging.getLogger(__name__)

_STARTED_ANEW = 1.0
"""Seconds without an acknowledgement after which a repeated request comes from a client that was reset."""
_SMALL_FOR = 1800.0
"""Seconds for which an address gets small blocks: perhaps it was switched off just when the first came."""
_KINDS = {
    Result.DONE: Kind.TFTP_DONE,
    Result.PROBED: Kind.TFTP_PROBE,
    Result.ABORTED: Kind.TFTP_FAILED,
    Result.TIMED_OUT: Kind.TFTP_FAILED,
    Result.REPLACED: Kind.TFTP_FAILED,
    Result.GAVE_WAY: Kind.TFTP_FAILED,
}


@dataclass(eq=False, slots=True)
class _Download:
    """A request that was let in, and what became of it so far."""

    request: packet.Request
    datagram: Datagram
    place: Place
    session: Session | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def peer(self) -> Peer:
        return self.datagram.source

    def repeated_by(self, request: packet.Request, now: float) -> bool:
        """Whether ``request`` is the same once more: a duplicate of the wire's, or an answer was lost.

        A client that got our answer does not repeat its request. If it does, it was reset and starts anew,
        unless it was alive a moment ago: then the duplicate was late.
        """
        return request == self.request and (not self.place.heard or now - self.place.since < _STARTED_ANEW)


class TftpServer:
    """Serves read requests from ``main``.

    Args:
        main: port 69, where requests come in. Not by broadcast (RFC 1123 §4.2.3.5).
        booter: knows the files; may block.
        http_port: told to rendered scripts.
        tell: takes events, by address.
        known: whether a machine is known to have this address: it goes first when places are rare.
        block: largest block, for paths that carry less than our own network.
        window: largest windowsize agreed on.
    """

    def __init__(
        self,
        main: Port,
        booter: Booter,
        http_port: int,
        tell: Tell,
        *,
        known: Callable[[str], bool] = lambda _: False,
        block: int = MAX_BLOCK,
        window: int = 16,
    ) -> None:
        self._main = main
        self._contents = Contents(booter)
        self._http_port = http_port
        self._machine_has = known
        self._tell = Telling(tell, self._known)
        self._block = block
        self._window = window
        self._admission = Admission()
        self._line: Line[tuple[packet.Request, Datagram]] = Line()
        self._running: dict[Peer, _Download] = {}
        self._proved: Recent[str, bool] = Recent(4096)  # addresses that have acknowledged something
        self._small: Recent[str, float] = Recent(4096)  # addresses that large blocks do not reach, until when
        self._rate = RateLimit(burst=1500, per_second=500.0)

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                try:
                    await receive_datagrams(self._main, self._handle)
                finally:
                    self._line = Line()  # at the end nobody is called from it any more
        finally:
            self._contents.close()

    def _handle(self, datagram: Datagram) -> None:
        """Take one packet. Whatever is wrong with it, or with us, is told, and the next one is taken."""
        try:
            self._take(datagram)
        except packet.RefusedError as refused:
            self._refuse(datagram, refused.code, refused.message)
        except ProtocolError as error:
            self._tell(Kind.IGNORED, datagram.source[0], f"at the TFTP port: {error.message}")
        except Exception as error:
            log.exception("a TFTP packet of %s was not handled", datagram.source[0])
            self._refuse(datagram, packet.ErrorCode.UNDEFINED, f"Internal error: {error!r}")

    def _take(self, datagram: Datagram) -> None:
        """Begin what a packet asks for. Raises ProtocolError for what is no request to us."""
        now = asyncio.get_running_loop().time()
        address = datagram.source[0]
        # Strangers share one allowance: they may all be one forger.
        if not self._rate.allows(address if self._known(address) else "", now):
            raise ProtocolError("more requests than can be answered")
        request = packet.parse(datagram.data)
        if not isinstance(request, packet.Request):
            raise ProtocolError(f"{type(request).__name__} belongs to a transfer, and goes to its port")
        _check(request)
        self._requested(request, datagram, now)

    def _requested(self, request: packet.Request, datagram: Datagram, now: float) -> None:
        running = self._running.get(datagram.source)
        if running is not None:
            if running.repeated_by(request, now):
                return
            self._stop(running, Outcome(Result.REPLACED, f"the client asks for {request.name} instead"))
        if not self._begin(request, datagram, now):
            self._wait(request, datagram, now)

    def _wait(self, request: packet.Request, datagram: Datagram, now: float) -> None:
        if not self._line.join(datagram.source, (request, datagram), now):
            raise ProtocolError(f"{len(self._admission)} transfers run and {len(self._line)} wait already")

    def _begin(self, request: packet.Request, datagram: Datagram, now: float) -> bool:
        """Start a download if there is a place for it."""
        entered = self._admission.enter(datagram.source, now, known=self._known(datagram.source[0]))
        if entered is None:
            return False
        place, victim = entered
        if victim is not None and victim in self._running:
            self._stop(self._running[victim], Outcome(Result.GAVE_WAY, _gave_way(self._running[victim])))
        self._line.leave(datagram.source)
        download = self._running[datagram.source] = _Download(request, datagram, place)
        download.task = self._tasks.create_task(self._serve(download))
        return True

    def _stop(self, download: _Download, outcome: Outcome) -> None:
        self._leave(download)
        if download.session is not None:
            download.session.end(outcome)  # told when its socket is closed
        elif download.task is not None:
            download.task.cancel()
            self._tell(_KINDS[outcome.result], download.peer[0], f"{download.request.name}: {outcome.detail}")

    def _leave(self, download: _Download) -> None:
        if self._running.get(download.peer) is download:
            del self._running[download.peer]
            self._admission.leave(download.peer)

    async def _serve(self, download: _Download) -> None:
        """One download from its start to its end, of which the next in line is told."""
        name = files.normalise(download.request.name)
        try:
            await self._answer(name, download)
        except (OSError, NetbootError) as error:
            self._failed(download, f"{name}: {error}", "cannot be read")
        except Exception as error:
            log.exception("the transfer of %s to %s broke", name, download.peer[0])
            self._failed(download, f"{name}: internal error: {error!r}", "internal error")
        finally:
            self._leave(download)
            self._call_next()

    def _failed(self, download: _Download, detail: str, text: str) -> None:
        if download.session is None:  # else it has said so itself, from its own port
            self._send_error(download.datagram, packet.ErrorCode.UNDEFINED, text)
        self._tell(Kind.TFTP_FAILED, download.peer[0], detail)

    def _call_next(self) -> None:
        now = asyncio.get_running_loop().time()
        for peer, (request, datagram) in self._line.all(now):
            if self._begin(request, datagram, now):
                self._line.leave(peer)
                return

    async def _answer(self, name: str, download: _Download) -> None:
        here = Endpoint(download.datagram.local, self._http_port)
        async with self._contents.borrow(name, here) as content:
            if content is not None:
                await self._transfer(name, content, download)
                return
        self._send_error(download.datagram, packet.ErrorCode.NOT_FOUND, "File not found")
        kind = Kind.TFTP_PROBE if files.is_probe(name) else Kind.TFTP_FAILED
        self._tell(kind, download.peer[0], f"{name}: there is no such file")

    async def _transfer(self, name: str, content: Text | File, download: _Download) -> None:
        with open_socket(download.datagram.local, download.peer) as own:
            transfer = Transfer(content, download.request.options, self._limits(own, download.peer[0]))
            download.session = Session(transfer, own, lambda running: self._progress(running, download))
            self._tell(Kind.TFTP_START, download.peer[0], name)
            outcome = await download.session.run()
            if outcome.result is Result.GAVE_WAY and transfer.heard:
                download.session.refuse(outcome.detail)
        detail = ": ".join(filter(None, (name, outcome.detail)))
        self._tell(_KINDS[outcome.result], download.peer[0], detail)

    def _limits(self, own: socket.socket, address: str) -> Limits:
        small = asyncio.get_running_loop().time() < (self._small.get(address) or 0.0)
        block = DEFAULT_BLOCK if small else min(path_mtu(own) - HEADERS, self._block)
        return Limits(block, self._window)

    def _progress(self, transfer: Transfer, download: _Download) -> None:
        place, address = download.place, download.peer[0]
        if transfer.heard and not place.heard:
            place.heard = True
            self._proved.put(address, True)  # noqa: FBT003 - a set that forgets
        place.since = transfer.since
        if transfer.blocks_are_lost:
            self._small.put(address, transfer.since + _SMALL_FOR)

    def _known(self, address: str) -> bool:
        return self._machine_has(address) or self._proved.get(address) is not None

    def _refuse(self, datagram: Datagram, code: packet.ErrorCode, text: str) -> None:
        self._send_error(datagram, code, text)
        self._tell(Kind.TFTP_FAILED, datagram.source[0], text)

    def _send_error(self, datagram: Datagram, code: packet.ErrorCode, text: str) -> None:
        """Say no from port 69 itself: clients take that as well as a new port, and it saves a socket."""
        reply(datagram, packet.error(code, text))


def _check(request: packet.Request) -> None:
    """Raises RefusedError for a request that is not served at all."""
    shown = repr(request.name[:80])
    if request.write:
        raise packet.RefusedError(packet.ErrorCode.ACCESS, f"{shown}: Nothing can be written here")
    if request.mode != "octet":
        text = f"{shown}: Only mode octet (binary) is served, not {request.mode[:20]!r}"
        raise packet.RefusedError(packet.ErrorCode.ILLEGAL, text)
    try:
        files.normalise(request.name)
    except ProtocolError as error:
        raise packet.RefusedError(packet.ErrorCode.ACCESS, f"{shown}: Name refused") from error


def _gave_way(download: _Download) -> str:
    what = "was silent" if download.place.heard else "was never answered"
    return f"it {what}, and all places were taken"
