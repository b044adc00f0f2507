"""The DNS service over UDP and TCP: sockets around :func:`netboot.dns.answer.answer`.

The zone may block (it may be a database), so it is asked in a thread.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from netboot import sockets
from netboot.dns.answer import answer

if TYPE_CHECKING:
    import socket

    from netboot.dns.zone import Zone
    from netboot.sockets import Datagram

log = logging.getLogger(__name__)

_UNDER_WAY = 256
_BURST = 64
_PATIENCE = 5.0
"""Seconds that a TCP client may take for a question (RFC 7766 §6.2.3 allows to be strict)."""


class DnsServer:
    """Answers on ``udp`` and ``tcp``, bound by :mod:`netboot.sockets` to the same port."""

    def __init__(self, udp: socket.socket, tcp: socket.socket, zone: Zone) -> None:
        self._udp = udp
        self._tcp = tcp
        self._zone = zone
        self._under_way = 0

    async def run(self) -> None:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._connected, sock=self._tcp, limit=1 << 16)
        async with server, asyncio.TaskGroup() as tasks:
            loop.add_reader(self._udp, self._readable, tasks)
            try:
                await asyncio.Event().wait()
            finally:
                loop.remove_reader(self._udp)

    def _readable(self, tasks: asyncio.TaskGroup) -> None:
        for _ in range(_BURST):
            came = sockets.receive(self._udp)
            if came is None:
                return
            if self._under_way < _UNDER_WAY:
                self._under_way += 1
                tasks.create_task(self._reply(came))

    async def _reply(self, came: Datagram) -> None:
        try:
            reply = await self._answer(came.data, 512)
        finally:
            self._under_way -= 1
        if reply is not None:
            sockets.send(self._udp, reply, came.source, came)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Questions with a length before each (RFC 1035 §4.2.2), until the client closes or idles."""
        try:
            while True:
                async with asyncio.timeout(_PATIENCE):
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    question = await reader.readexactly(length)
                reply = await self._answer(question, None)
                if reply is None:
                    break
                writer.write(len(reply).to_bytes(2, "big") + reply)
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, question: bytes, limit: int | None) -> bytes | None:
        try:
            return await asyncio.to_thread(answer, question, self._zone, limit)
        except Exception:  # whatever is wrong with the zone must not end the service
            log.exception("no answer to a DNS query")
            return None
