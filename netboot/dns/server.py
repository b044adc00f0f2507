"""The DNS service over UDP and TCP: sockets around :func:`netboot.dns.answer.answer`, and their limits.

Nothing in a boot needs DNS, and DHCP and TFTP share its processor: it may use a few hundredths of
that and no more, whoever asks how much. An answer is made from memory, on the spot; how many there are
in a second, and how many connections, is bounded, for each source and for all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from netboot.datagrams import receive_datagrams, reply
from netboot.dns.answer import UDP_LIMIT, answer
from netboot.memory import RateLimit
from netboot.streams import serve_streams

if TYPE_CHECKING:
    from netboot.datagrams import Datagram
    from netboot.dns.zone import Zone
    from netboot.listening import Port

log = logging.getLogger(__name__)

_CONNECTIONS = 64
_PER_SOURCE = 8
_IDLE = 5.0
"""Seconds that a TCP client may take for a question (RFC 7766 §6.2.3 allows to be strict)."""
_LONGEST = 60.0
"""Seconds that a connection lasts in all."""
_LONGEST_QUESTION = 1024
"""Bytes; a name has at most 255."""


class DnsServer:
    """Answers on ``udp`` and ``tcp``, which have the same number. ``zone`` is asked on the spot."""

    def __init__(self, udp: Port, tcp: Port, zone: Zone) -> None:
        self._udp = udp
        self._tcp = tcp
        self._zone = zone
        self._each = RateLimit(burst=200, per_second=100.0)
        self._all = RateLimit(burst=1000, per_second=500.0, limit=1)
        self._complaints = RateLimit(burst=1, per_second=0.1, limit=2)
        self._open: OrderedDict[asyncio.StreamWriter, str] = OrderedDict()  # the longest idle first
        self._sources: Counter[str] = Counter()

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(receive_datagrams(self._udp, self._take))
            tasks.create_task(serve_streams(self._tcp, self._connected, at_once=2 * _CONNECTIONS))

    def _take(self, datagram: Datagram) -> None:
        found = self._answer(datagram.data, datagram.source[0], UDP_LIMIT)
        if found is not None:
            reply(datagram, found)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Questions with a length before each (RFC 1035 §4.2.2), until the client closes or idles."""
        source = _source(writer)
        if self._sources[source] >= _PER_SOURCE:
            writer.close()
            return
        if len(self._open) >= _CONNECTIONS:
            idle = next(iter(self._open))
            self._open.move_to_end(idle)  # the next one that comes closes another
            idle.close()  # its coroutine reads the end of the stream, and leaves
        self._open[writer] = source
        self._sources[source] += 1
        try:
            async with asyncio.timeout(_LONGEST):
                await self._talk(reader, writer, source)
        except (TimeoutError, asyncio.IncompleteReadError, OSError):
            pass  # idle, cut off or gone: as most connections end
        finally:
            del self._open[writer]
            self._sources[source] -= 1
            if not self._sources[source]:
                del self._sources[source]
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, source: str) -> None:
        while True:
            async with asyncio.timeout(_IDLE):
                length = int.from_bytes(await reader.readexactly(2), "big")
                if length > _LONGEST_QUESTION:
                    return
                found = self._answer(await reader.readexactly(length), source, None)
                if found is None:
                    return
                writer.write(len(found).to_bytes(2, "big") + found)
                await writer.drain()
            self._open.move_to_end(writer)

    def _answer(self, question: bytes, source: str, limit: int | None) -> bytes | None:
        """The answer, or None for what gets none. A bug in one is told in the log; the next is given."""
        now = time.monotonic()
        if len(question) > _LONGEST_QUESTION:
            return None
        if not (self._each.allows(source, now) and self._all.allows("", now)):
            if self._complaints.allows("flood", now):
                log.warning("DNS: more questions than are answered, at last from %s", source)
            return None
        try:
            return answer(question, self._zone, limit)
        except Exception:  # one question, or the zone: neither ends the services of a boot
            if self._complaints.allows("bug", now):
                log.exception("no answer to a DNS question of %s", source)
            return None


def _source(writer: asyncio.StreamWriter) -> str:
    name: tuple[str, int] | None = writer.get_extra_info("peername")
    return name[0] if name else ""
