"""The TFTP service: takes requests, finds files, starts a session for each.

Every transfer has a socket of its own (RFC 1350 §4), bound to the address that
the request came to: ROMs drop answers from another one. The number of transfers at
once is bounded; more requests wait in order, as a hundred slow transfers help
nobody. Files are opened in a thread.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Protocol

from netboot import sockets
from netboot.errors import ProtocolError
from netboot.events import Kind
from netboot.model import Endpoint
from netboot.tftp import names, packet
from netboot.tftp.session import Session
from netboot.tftp.transfer import HEADERS, Content, Limits, Result, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable

    from netboot.sockets import Datagram

log = logging.getLogger(__name__)

_IP_MTU = 14
"""linux/in.h: the path's MTU, as known to a connected socket."""
_WAITING = 1024
_BURST = 64


class Closable(Content, Protocol):
    """Content that wants to be given back."""

    def close(self) -> None:
        """Give it back."""
        ...


class Tell(Protocol):
    """How the service says what happens: a station, whose address, one line for people."""

    def __call__(self, kind: Kind, address: str, detail: str) -> None:
        """Take one event. Returns at once."""
        ...


class TftpServer:
    """Serves read requests from ``main``, a socket made by :func:`netboot.sockets.open_udp`.

    Args:
        main: bound to port 69.
        find: the content behind a normalised name, or None; may block and raise OSError.
        http_port: told to generated scripts.
        tell: takes events.
        at_once: transfers that run at the same time.
        window: largest windowsize agreed on.
    """

    def __init__(
        self,
        main: socket.socket,
        find: Callable[[str, Endpoint], Closable | None],
        http_port: int,
        tell: Tell,
        *,
        at_once: int = 256,
        window: int = 16,
    ) -> None:
        self._main = main
        self._find = find
        self._http_port = http_port
        self._tell = tell
        self._window = window
        self._slots = asyncio.Semaphore(at_once)
        self._peers: set[tuple[str, int]] = set()

    async def run(self) -> None:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            loop.add_reader(self._main, self._readable, tasks)
            try:
                await asyncio.Event().wait()
            finally:
                loop.remove_reader(self._main)

    def _readable(self, tasks: asyncio.TaskGroup) -> None:
        for _ in range(_BURST):
            came = sockets.receive(self._main)
            if came is None:
                return
            self._requested(came, tasks)

    def _requested(self, came: Datagram, tasks: asyncio.TaskGroup) -> None:
        """Begin a transfer, unless the packet is garbage, a duplicate, or one too many."""
        try:
            request = packet.parse(came.data)
        except ProtocolError as error:
            log.debug("%s: %s", came.source[0], error)
            return
        if (
            isinstance(request, packet.Request)
            and came.source not in self._peers
            and len(self._peers) < _WAITING
        ):
            self._peers.add(came.source)
            tasks.create_task(self._serve(request, came))

    async def _serve(self, request: packet.Request, came: Datagram) -> None:
        try:
            async with self._slots:
                await self._answer(request, came)
        except OSError as error:
            self._refuse(came, packet.ErrorCode.UNDEFINED, "cannot be read")
            self._tell(Kind.TFTP_FAILED, came.source[0], f"{request.name}: {error}")
        finally:
            self._peers.discard(came.source)

    async def _answer(self, request: packet.Request, came: Datagram) -> None:
        refusal = _refusal(request)
        if refusal is not None:
            self._refuse(came, *refusal)
            self._tell(Kind.TFTP_FAILED, came.source[0], f"{request.name}: {refusal[1]}")
            return
        name = names.normalise(request.name)
        here = Endpoint(came.local, self._http_port)
        content = await asyncio.to_thread(self._find, name, here)
        if content is None:
            self._refuse(came, packet.ErrorCode.NOT_FOUND, "File not found")
            kind = Kind.TFTP_PROBE if names.is_probe(name) else Kind.TFTP_FAILED
            self._tell(kind, came.source[0], f"{name}: there is no such file")
            return
        try:
            await self._transfer(name, request, content, came)
        finally:
            content.close()

    async def _transfer(self, name: str, request: packet.Request, content: Content, came: Datagram) -> None:
        own = sockets.open_udp(came.local, 0)
        try:
            own.connect(came.source)
            limits = Limits(block=own.getsockopt(socket.IPPROTO_IP, _IP_MTU) - HEADERS, window=self._window)
            transfer = Transfer(content, request.options, limits)
            self._tell(Kind.TFTP_START, came.source[0], name)
            outcome = await Session(transfer, own).run()
        finally:
            own.close()
        self._tell(_KINDS[outcome.result], came.source[0], ": ".join(filter(None, (name, outcome.detail))))

    def _refuse(self, came: Datagram, code: packet.ErrorCode, text: str) -> None:
        """Say no from port 69 itself: clients take that as well as a new port, and it saves a socket."""
        sockets.send(self._main, packet.error(code, text), came.source, came)


_KINDS = {
    Result.DONE: Kind.TFTP_DONE,
    Result.PROBED: Kind.TFTP_PROBE,
    Result.ABORTED: Kind.TFTP_FAILED,
    Result.TIMED_OUT: Kind.TFTP_FAILED,
}


def _refusal(request: packet.Request) -> tuple[packet.ErrorCode, str] | None:
    """Why a request is not served at all, if so."""
    if request.write:
        return packet.ErrorCode.ACCESS, "Nothing can be written here"
    if request.mode != "octet":
        return packet.ErrorCode.ILLEGAL, "Only mode octet (binary) is served"
    try:
        names.normalise(request.name)
    except ProtocolError:
        return packet.ErrorCode.ACCESS, "Name refused"
    return None
