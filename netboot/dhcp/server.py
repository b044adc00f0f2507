"""The DHCP service: parse, classify, ask the booter, answer; on ports 67 and 4011.

iPXE waits two seconds for an answer and edk2 four, for a whole rack that is powered on at once; and iPXE
takes the first offer that it may boot from, ours or another's. So an answer is made where the packet is
read: no thread, no database, no name is looked up on its way, and what is told of it is told afterwards.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from netboot.datagrams import receive_datagrams, reply
from netboot.dhcp.codec.options import MessageType
from netboot.dhcp.codec.packet import Packet, mac_in, parse
from netboot.dhcp.proxy.classify import classify, is_ethernet, wants_boot
from netboot.dhcp.proxy.follow_up import FollowUp
from netboot.dhcp.proxy.form import Form, FormMemory
from netboot.dhcp.proxy.offer import Listener, destination, offer, reply_type
from netboot.dhcp.proxy.unserved import architecture_in_words, unserved
from netboot.errors import ProtocolError
from netboot.events import Kind
from netboot.memory import RateLimit
from netboot.model import Architecture, Endpoint, Ignore, Program
from netboot.remarks import Remarks
from netboot.sockets import ANY

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Address

    from netboot.datagrams import Datagram
    from netboot.events import Tell
    from netboot.listening import Port
    from netboot.model import Boot, Client

log = logging.getLogger(__name__)

_ROUND = 1.0
"""Seconds between two looks at offers that nothing has come of."""


class DhcpServer:
    """Answers on two ports that hear broadcasts.

    Args:
        dhcp: port 67.
        binl: port 4011.
        listen: answer only what arrives at this address of ours; None for all.
        decide: the booter's; answers at once, from memory.
        http_port: told to the booter and to HTTP boot clients.
        tell: takes events, by MAC.
        learn: is told (address, MAC) when a client says what its address is.
        forms: which form of answer each machine wants; file requests are noted there too.
        follow_up: what becomes of our offers; likewise.
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
        discovered: Callable[[Client], None],
        learn: Callable[[str, str], None],
        forms: FormMemory,
        follow_up: FollowUp,
    ) -> None:
        self._ports = {Listener.DHCP: dhcp, Listener.BINL: binl}
        self._listen = listen
        self._decide = decide
        self._http_port = http_port
        self._tell = tell
        self._discovered = discovered
        self._learn = learn
        self._forms = forms
        self._follow_up = follow_up
        self._limit = RateLimit()
        self._remarks = Remarks(tell)

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for listener, port in self._ports.items():
                tasks.create_task(receive_datagrams(port, partial(self._take, listener)))
            tasks.create_task(self._look_after_offers())

    async def _look_after_offers(self) -> None:
        while True:
            await asyncio.sleep(_ROUND)
            for mac, text in self._follow_up.overdue(time.monotonic()):
                self._tell(Kind.UNHEEDED, mac, text)

    def _take(self, listener: Listener, datagram: Datagram) -> None:
        """Answer what is ours to answer. Raises ProtocolError for what is not DHCP."""
        try:
            request = parse(datagram.data)
        except ProtocolError as error:
            text = f"{datagram.source[0]} sends a malformed DHCP packet: {error.message}"
            self._ignore(mac_in(datagram.data), datagram, text)
            raise
        if is_ethernet(request):
            self._note_address(request, datagram)
        if not wants_boot(request):
            return
        reason = unserved(request)
        if reason is not None:
            self._ignore(request.mac if is_ethernet(request) else "", datagram, reason)
            return
        client = classify(request)
        if client is None:
            return
        if not self._limit.allows(client.mac, time.monotonic()):
            self._ignore(client.mac, datagram, "asks too often: it is answered twice a second at most")
            return
        local = self._local(datagram)
        if local is None:
            self._ignore(client.mac, datagram, f"asked at {datagram.local}, which is not an address we serve")
            return
        # Most of the traffic on port 67 is other servers' business: not worth asking the booter.
        here = Endpoint(local, self._http_port)
        if not isinstance(reply_type(request, here, listener), Ignore):
            self._answer(request, client, here, listener, replace(datagram, local=local))

    def _ignore(self, mac: str, datagram: Datagram, why: str) -> None:
        self._remarks.ignored(mac, datagram.source[0], why, time.monotonic())

    def _local(self, datagram: Datagram) -> IPv4Address | None:
        """Our address to answer from; None for what was sent to an address that is not served.

        A broadcast arrives only where we listen, and then with the interface's first address,
        which need not be the one that was asked for.
        """
        if self._listen is not None:
            return self._listen if datagram.broadcast or datagram.local == self._listen else None
        return None if datagram.local == ANY else datagram.local

    def _note_address(self, request: Packet, datagram: Datagram) -> None:
        """A REQUEST says which address the machine takes, and from which server."""
        taken = request.requested_address if request.message_type is MessageType.REQUEST else None
        address = request.ciaddr if int(request.ciaddr) else taken
        if address is not None:
            self._learn(str(address), request.mac)
        if taken is not None and request.server_id not in (None, datagram.local, self._listen):
            self._follow_up.took(request.mac, request.server_id, time.monotonic())

    def _answer(
        self, request: Packet, client: Client, here: Endpoint, listener: Listener, asked: Datagram
    ) -> None:
        boot = self._decided(client, here)
        form = self._form(request, client, listener)
        answer = offer(request, client, boot, here, form=form, listener=listener)
        if not isinstance(answer, Ignore):
            self._send(answer, listener, asked)
        if listener is Listener.DHCP:
            self._discovered(client)
        if isinstance(answer, Ignore):
            other = client.architecture is Architecture.OTHER
            more = f" ({architecture_in_words(request)})" if other else ""
            self._tell(Kind.IGNORED, client.mac, f"{answer.reason}{more}")
        else:
            self._tell_answer(answer, client, form, listener)

    def _decided(self, client: Client, here: Endpoint) -> Boot:
        try:
            return self._decide(client, here)
        except Exception as error:  # whatever is wrong with one host must not end the service for all
            log.exception("no decision for %s", client.mac)
            return Ignore(f"no decision: {error}")

    def _form(self, request: Packet, client: Client, listener: Listener) -> Form:
        if listener is Listener.BINL:
            self._forms.progress(client.mac)
            self._follow_up.progressed(client.mac)
            return Form.BINL
        if client.program is not Program.ROM:
            return Form.DIRECT
        return self._forms.choose(client.mac, client.architecture, request.secs, time.monotonic())

    def _send(self, answer: Packet, listener: Listener, asked: Datagram) -> None:
        """Answer from the port that was asked: ROMs and iPXE look at it. 4011 goes back to the sender."""
        to = asked.source
        if listener is Listener.DHCP:
            server_port = self._ports[listener].number
            to = destination(answer, server_port + 1, server_port)
        reply(asked, answer.encode(), to)

    def _tell_answer(self, answer: Packet, client: Client, form: Form, listener: Listener) -> None:
        kind = Kind.OFFER if listener is Listener.DHCP else Kind.BINL
        what = form.value if client.program is Program.ROM else client.program.value
        if listener is Listener.DHCP:
            before = self._follow_up.offered(client.mac, client.program, time.monotonic())
            if before:
                self._tell(Kind.UNHEEDED, client.mac, before)
        self._tell(kind, client.mac, f"{what}: {answer.file.decode()}")
