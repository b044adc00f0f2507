"""The DNS service over UDP and TCP: sockets around :func:`netboot.dns.answer.answer`.

The zone may block (it may be a database), so it is asked in a thread.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from netboot.datagrams import reply, serve_datagrams
from netboot.dns.answer import UDP_LIMIT, answer
from netboot.streams import serve_streams

if TYPE_CHECKING:
    from netboot.datagrams import Datagram
    from netboot.dns.zone import Zone
    from netboot.listening import Port

log = logging.getLogger(__name__)

_AT_ONCE = 256
_PATIENCE = 5.0
"""Seconds that a TCP client may take for a question (RFC 7766 §6.2.3 allows to be strict)."""


class DnsServer:
    """Answers on ``udp`` and ``tcp``, which have the same number."""

    def __init__(self, udp: Port, tcp: Port, zone: Zone) -> None:
        self._udp = udp
        self._tcp = tcp
        self._zone = zone

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve_datagrams(self._udp, self._handle, at_once=_AT_ONCE))
            tasks.create_task(serve_streams(self._tcp, self._connected, at_once=_AT_ONCE))

    async def _handle(self, datagram: Datagram) -> None:
        found = await self._answer(datagram.data, UDP_LIMIT)
        if found is not None:
            reply(datagram, found)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Questions with a length before each (RFC 1035 §4.2.2), until the client closes or idles."""
        try:
            while True:
                async with asyncio.timeout(_PATIENCE):
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    question = await reader.readexactly(length)
                found = await self._answer(question, None)
                if found is None:
                    break
                writer.write(len(found).to_bytes(2, "big") + found)
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
