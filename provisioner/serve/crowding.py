"""Which connections have to go, so that there is room for everybody: a pure decision.

A server has room for so many connections. Those who open many and say nothing must not keep others out, so
each source has a limit, and when it gets narrow all sources get the same share: those that want less than
that lose nothing. Of one source's connections, those that were silent for longest go first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from netboot.http.connections import Connection

PER_SOURCE = 512
"""Connections that one address may have: a classroom behind one router has fewer."""
IDLE = 300.0
"""Seconds without a byte either way after which a connection is over, whatever it waits for."""


def surplus(
    open_now: Iterable[Connection], room: int, per_source: int = PER_SOURCE, idle: float = IDLE
) -> list[Connection]:
    """The connections to end, so that at most ``room`` remain, and of each source ``per_source``."""
    found = list(open_now)
    ended = [connection for connection in found if connection.silent > idle]
    sources: dict[str, list[Connection]] = defaultdict(list)
    for connection in found:
        if connection.silent <= idle:
            sources[connection.peer[0]].append(connection)
    share = min(per_source, fair_share([len(own) for own in sources.values()], room))
    for own in sources.values():
        own.sort(key=lambda connection: connection.silent, reverse=True)
        ended += own[: max(0, len(own) - share)]
    return ended


def fair_share(wanted: Sequence[int], room: int) -> int:
    """The largest share with which all fit into ``room``, where who wants less gets what it wants."""
    left, share = room, room
    for position, count in enumerate(sorted(wanted)):
        share = left // (len(wanted) - position)
        if count > share:
            return share
        left -= count
    return max(share, room)
