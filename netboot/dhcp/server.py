"""The DHCP service: parse, classify, ask the booter, answer; on ports 67 and 4011.

The loop never waits for the booter: it decides in a thread, and so many at once
at most; what is beyond that is dropped and will be asked again by the client.
iPXE waits two seconds for an answer and edk2 four, so an answer has to go out well
below one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from netboot import sockets
from netboot.dhcp.form import Form, FormMemory
from netboot.dhcp.limit import RateLimit
from netboot.dhcp.offer import Listener, destination, offer, reply_type
from netboot.dhcp.options import MessageType
from netboot.dhcp.packet import Packet, parse
from netboot.dhcp.pxe import classify
from netboot.errors import ProtocolError
from netboot.events import Kind
from netboot.model import Endpoint, Ignore, Program

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from ipaddress import IPv4Address

    from netboot.model import Boot, Client
    from netboot.sockets import Datagram

log = logging.getLogger(__name__)

_DECIDERS = 8
_UNDER_WAY = 512
_BURST = 64


class Tell(Protocol):
    """How the service says what happens: a station, whose, one line for people."""

    def __call__(self, kind: Kind, mac: str, detail: str) -> None:
        """Take one event. Returns at once."""
        ...


class DhcpServer:
    """Answers on ``dhcp`` and ``binl``, two sockets made by :func:`netboot.sockets.open_udp`.

    Args:
        dhcp: bound to 0.0.0.0:67, as broadcasts do not reach a socket with an address.
        binl: bound to port 4011.
        listen: answer only what arrives at this address of ours; None for all.
        decide: the booter's; may block.
        http_port: told to the booter and to HTTP boot clients.
        tell: takes events.
        learn: is told (address, MAC) when a client says what its address is.
        forms: which form of answer each machine wants; shared with whoever sees file requests.
    """

    def __init__(
        self,
        *,
        dhcp: socket.socket,
        binl: socket.socket,
        listen: IPv4Address | None,
        decide: Callable[[Client, Endpoint], Boot],
        http_port: int,
        tell: Tell,
        learn: Callable[[str, str], None],
        forms: FormMemory,
    ) -> None:
        self._sockets = {Listener.DHCP: dhcp, Listener.BINL: binl}
        self._server_port = sockets.port_of(dhcp)
        self._listen = listen
        self._decide = decide
        self._http_port = http_port
        self._tell = tell
        self._learn = learn
        self._forms = forms
        self._limit = RateLimit()
        self._under_way = 0

    async def run(self) -> None:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()
        deciders = ThreadPoolExecutor(_DECIDERS, "decide")
        try:
            async with asyncio.TaskGroup() as tasks:
                for listener, opened in self._sockets.items():
                    loop.add_reader(opened, self._readable, listener, tasks, deciders)
                await asyncio.Event().wait()
        finally:
            for opened in self._sockets.values():
                loop.remove_reader(opened)
            deciders.shutdown(wait=False, cancel_futures=True)

    def _readable(self, listener: Listener, tasks: asyncio.TaskGroup, deciders: ThreadPoolExecutor) -> None:
        for _ in range(_BURST):
            came = sockets.receive(self._sockets[listener])
            if came is None:
                return
            asked = self._asked(listener, came)
            if asked is not None and self._under_way < _UNDER_WAY:
                self._under_way += 1
                tasks.create_task(self._answer(*asked, listener, came, deciders))

    def _asked(self, listener: Listener, came: Datagram) -> tuple[Packet, Client] | None:
        """The request in a datagram, if it is one that we might answer."""
        here = came.local
        if here == sockets.ANY or self._listen not in (None, here):
            return None
        try:
            request = parse(came.data)
        except ProtocolError as error:
            log.debug("%s: %s", came.source[0], error)
            return None
        self._note_address(request)
        client = classify(request)
        if client is None or not self._limit.allows(client.mac, time.monotonic()):
            return None
        # Most of the traffic on port 67 is other servers' business: not worth asking the booter.
        kind = reply_type(request, Endpoint(here, self._http_port), listener)
        return None if isinstance(kind, Ignore) else (request, client)

    def _note_address(self, request: Packet) -> None:
        taken = request.requested_address if request.message_type is MessageType.REQUEST else None
        address = request.ciaddr if int(request.ciaddr) else taken
        if address is not None:
            self._learn(str(address), request.mac)

    async def _answer(
        self,
        request: Packet,
        client: Client,
        listener: Listener,
        came: Datagram,
        deciders: ThreadPoolExecutor,
    ) -> None:
        try:
            here = Endpoint(came.local, self._http_port)
            if listener is Listener.DHCP:
                self._tell(Kind.DISCOVER, client.mac, f"{client.architecture} {client.program.value}")
            boot = await self._decided(client, here, deciders)
            form = self._form(request, client, listener)
            reply = offer(request, client, boot, here, form=form, listener=listener)
            if isinstance(reply, Ignore):
                self._tell(Kind.IGNORED, client.mac, reply.reason)
            else:
                self._send(reply, client, form, listener, came)
        finally:
            self._under_way -= 1

    async def _decided(self, client: Client, here: Endpoint, deciders: ThreadPoolExecutor) -> Boot:
        try:
            return await asyncio.get_running_loop().run_in_executor(deciders, self._decide, client, here)
        except Exception as error:  # whatever is wrong with one host must not end the service for all
            log.exception("no decision for %s", client.mac)
            return Ignore(f"no decision: {error}")

    def _form(self, request: Packet, client: Client, listener: Listener) -> Form:
        if listener is Listener.BINL:
            self._forms.progress(client.mac)
            return Form.BINL
        if client.program is not Program.ROM:
            return Form.DIRECT
        return self._forms.choose(client.mac, client.architecture, request.secs, time.monotonic())

    def _send(self, reply: Packet, client: Client, form: Form, listener: Listener, came: Datagram) -> None:
        """Answer from the port that was asked: ROMs and iPXE look at it. 4011 goes back to the sender."""
        to = came.source
        if listener is Listener.DHCP:
            to = destination(reply, self._server_port + 1, self._server_port)
        sockets.send(self._sockets[listener], reply.encode(), to, came)
        kind = Kind.OFFER if listener is Listener.DHCP else Kind.BINL
        what = form.value if client.program is Program.ROM else client.program.value
        self._tell(kind, client.mac, f"{what}: {reply.file.decode()}")
