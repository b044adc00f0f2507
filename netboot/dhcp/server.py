"""The DHCP service: parse, classify, ask the booter, answer; on ports 67 and 4011.

The booter is asked in a thread, and only so many requests wait for it at once: what
is beyond that is dropped, and the client asks again. iPXE waits two seconds for an
answer and edk2 four, so an answer has to go out well below one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from netboot.datagrams import reply, serve_datagrams
from netboot.dhcp.codec.options import MessageType
from netboot.dhcp.codec.packet import Packet, parse
from netboot.dhcp.proxy.classify import classify
from netboot.dhcp.proxy.form import Form, FormMemory
from netboot.dhcp.proxy.offer import Listener, destination, offer, reply_type
from netboot.events import Kind
from netboot.memory import RateLimit
from netboot.model import Endpoint, Ignore, Program
from netboot.sockets import ANY

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Address

    from netboot.datagrams import Datagram
    from netboot.events import Tell
    from netboot.listening import Port
    from netboot.model import Boot, Client

log = logging.getLogger(__name__)

_DECIDERS = 8
_AT_ONCE = 512


class DhcpServer:
    """Answers on two ports that hear broadcasts.

    Args:
        dhcp: port 67.
        binl: port 4011.
        listen: answer only what arrives at this address of ours; None for all.
        decide: the booter's; may block.
        http_port: told to the booter and to HTTP boot clients.
        tell: takes events, by MAC.
        learn: is told (address, MAC) when a client says what its address is.
        forms: which form of answer each machine wants; file requests are noted there too.
    """

    def __init__(
        self,
        *,
        dhcp: Port,
        binl: Port,
        listen: IPv4Address | None,
        decide: Callable[[Client, Endpoint], Boot],
        http_port: int,
        tell: Tell,
        learn: Callable[[str, str], None],
        forms: FormMemory,
    ) -> None:
        self._ports = {Listener.DHCP: dhcp, Listener.BINL: binl}
        self._listen = listen
        self._decide = decide
        self._http_port = http_port
        self._tell = tell
        self._learn = learn
        self._forms = forms
        self._limit = RateLimit()
        self._deciders = ThreadPoolExecutor(_DECIDERS, "decide")

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for listener in Listener:
                    tasks.create_task(self._serve(listener))
        finally:
            self._deciders.shutdown(wait=False, cancel_futures=True)

    async def _serve(self, listener: Listener) -> None:
        async def handle(datagram: Datagram) -> None:
            await self._handle(datagram, listener)

        await serve_datagrams(self._ports[listener], handle, at_once=_AT_ONCE)

    async def _handle(self, datagram: Datagram, listener: Listener) -> None:
        """Answer what is ours to answer. Raises ProtocolError for what is not DHCP."""
        local = self._local(datagram)
        if local is None:
            return
        datagram = replace(datagram, local=local)
        request = parse(datagram.data)
        self._note_address(request)
        client = classify(request)
        if client is None or not self._limit.allows(client.mac, time.monotonic()):
            return
        # Most of the traffic on port 67 is other servers' business: not worth asking the booter.
        here = Endpoint(datagram.local, self._http_port)
        if not isinstance(reply_type(request, here, listener), Ignore):
            await self._answer(request, client, here, listener, datagram)

    def _local(self, datagram: Datagram) -> IPv4Address | None:
        """Our address to answer from; None for what was sent to an address that is not served.

        A broadcast arrives only where we listen, and then with the interface's first address,
        which need not be the one that was asked for.
        """
        if self._listen is not None:
            return self._listen if datagram.broadcast or datagram.local == self._listen else None
        return None if datagram.local == ANY else datagram.local

    def _note_address(self, request: Packet) -> None:
        taken = request.requested_address if request.message_type is MessageType.REQUEST else None
        address = request.ciaddr if int(request.ciaddr) else taken
        if address is not None:
            self._learn(str(address), request.mac)

    async def _answer(
        self, request: Packet, client: Client, here: Endpoint, listener: Listener, datagram: Datagram
    ) -> None:
        if listener is Listener.DHCP:
            self._tell(Kind.DISCOVER, client.mac, f"{client.architecture} {client.program.value}")
        boot = await self._decided(client, here)
        form = self._form(request, client, listener)
        answer = offer(request, client, boot, here, form=form, listener=listener)
        if isinstance(answer, Ignore):
            self._tell(Kind.IGNORED, client.mac, answer.reason)
        else:
            self._send(answer, client, form, listener, datagram)

    async def _decided(self, client: Client, here: Endpoint) -> Boot:
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._deciders, self._decide, client, here)
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

    def _send(self, answer: Packet, client: Client, form: Form, listener: Listener, asked: Datagram) -> None:
        """Answer from the port that was asked: ROMs and iPXE look at it. 4011 goes back to the sender."""
        to = asked.source
        if listener is Listener.DHCP:
            server_port = self._ports[listener].number
            to = destination(answer, server_port + 1, server_port)
        reply(asked, answer.encode(), to)
        kind = Kind.OFFER if listener is Listener.DHCP else Kind.BINL
        what = form.value if client.program is Program.ROM else client.program.value
        self._tell(kind, client.mac, f"{what}: {answer.file.decode()}")
