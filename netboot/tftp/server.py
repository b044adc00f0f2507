"""The TFTP service: takes requests, finds files, starts a session for each.

Every transfer has a socket of its own (RFC 1350 §4), bound to the address that
the request came to: ROMs drop answers from another one. The number of transfers at
once is bounded, as a hundred slow ones are worse than a queue; more requests wait in
order. Files are opened in a thread.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from netboot import sockets
from netboot.datagrams import reply, serve_datagrams
from netboot.errors import ProtocolError
from netboot.events import Kind
from netboot.model import Endpoint
from netboot.tftp import files, packet
from netboot.tftp.session import Session
from netboot.tftp.transfer import HEADERS, Limits, Result, Transfer

if TYPE_CHECKING:
    from netboot.booter import Booter
    from netboot.datagrams import Datagram
    from netboot.events import Tell
    from netboot.listening import Port

_IP_MTU = 14
"""linux/in.h: the path's MTU, as known to a connected socket."""
_WAITING = 1024
_KINDS = {
    Result.DONE: Kind.TFTP_DONE,
    Result.PROBED: Kind.TFTP_PROBE,
    Result.ABORTED: Kind.TFTP_FAILED,
    Result.TIMED_OUT: Kind.TFTP_FAILED,
}


class TftpServer:
    """Serves read requests from ``main``.

    Args:
        main: port 69, where requests come in.
        booter: knows the files; may block.
        http_port: told to rendered scripts.
        tell: takes events, by address.
        at_once: transfers that run at the same time.
        window: largest windowsize agreed on.
    """

    def __init__(
        self,
        main: Port,
        booter: Booter,
        http_port: int,
        tell: Tell,
        *,
        at_once: int = 256,
        window: int = 16,
    ) -> None:
        self._main = main
        self._booter = booter
        self._http_port = http_port
        self._tell = tell
        self._window = window
        self._slots = asyncio.Semaphore(at_once)
        self._peers: set[tuple[str, int]] = set()

    async def run(self) -> None:
        """Serve until cancelled."""
        await serve_datagrams(self._main, self._handle, at_once=_WAITING)

    async def _handle(self, datagram: Datagram) -> None:
        """Serve a request, unless it repeats one under way. Raises ProtocolError for garbage."""
        request = packet.parse(datagram.data)
        if not isinstance(request, packet.Request) or datagram.source in self._peers:
            return
        self._peers.add(datagram.source)
        try:
            async with self._slots:
                await self._answer(request, datagram)
        except OSError as error:
            self._refuse(datagram, packet.ErrorCode.UNDEFINED, "cannot be read")
            self._tell(Kind.TFTP_FAILED, datagram.source[0], f"{request.name}: {error}")
        finally:
            self._peers.discard(datagram.source)

    async def _answer(self, request: packet.Request, datagram: Datagram) -> None:
        refusal = _refusal(request)
        if refusal is not None:
            self._refuse(datagram, *refusal)
            self._tell(Kind.TFTP_FAILED, datagram.source[0], f"{request.name}: {refusal[1]}")
            return
        name = files.normalise(request.name)
        here = Endpoint(datagram.local, self._http_port)
        content = await asyncio.to_thread(files.find, name, self._booter, here)
        if content is None:
            self._refuse(datagram, packet.ErrorCode.NOT_FOUND, "File not found")
            kind = Kind.TFTP_PROBE if files.is_probe(name) else Kind.TFTP_FAILED
            self._tell(kind, datagram.source[0], f"{name}: there is no such file")
            return
        try:
            await self._transfer(name, request, content, datagram)
        finally:
            content.close()

    async def _transfer(
        self, name: str, request: packet.Request, content: files.Text | files.File, datagram: Datagram
    ) -> None:
        own = sockets.open_udp(datagram.local, 0)
        try:
            own.connect(datagram.source)
            limits = Limits(block=own.getsockopt(socket.IPPROTO_IP, _IP_MTU) - HEADERS, window=self._window)
            transfer = Transfer(content, request.options, limits)
            self._tell(Kind.TFTP_START, datagram.source[0], name)
            outcome = await Session(transfer, own).run()
        finally:
            own.close()
        detail = ": ".join(filter(None, (name, outcome.detail)))
        self._tell(_KINDS[outcome.result], datagram.source[0], detail)

    def _refuse(self, datagram: Datagram, code: packet.ErrorCode, text: str) -> None:
        """Say no from port 69 itself: clients take that as well as a new port, and it saves a socket."""
        reply(datagram, packet.error(code, text))


def _refusal(request: packet.Request) -> tuple[packet.ErrorCode, str] | None:
    """Why a request is not served at all, if so."""
    if request.write:
        return packet.ErrorCode.ACCESS, "Nothing can be written here"
    if request.mode != "octet":
        return packet.ErrorCode.ILLEGAL, "Only mode octet (binary) is served"
    try:
        files.normalise(request.name)
    except ProtocolError:
        return packet.ErrorCode.ACCESS, "Name refused"
    return None
