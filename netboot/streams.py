"""TCP connections at a :class:`netboot.listening.Port`, each handed to a coroutine; so many at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from netboot.listening import Port

_LIMIT = 1 << 16
"""Bytes that a reader keeps: a DNS message."""


async def serve_streams(
    port: Port,
    connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    *,
    at_once: int,
) -> None:
    """Run ``connected`` for each connection, until cancelled; those beyond ``at_once`` are closed at once.

    ``connected`` closes the writer, and raises for a bug only, which ends the service.
    """
    loop = asyncio.get_running_loop()
    running: set[asyncio.Task[None]] = set()

    async def talk(peer: socket.socket) -> None:
        await connected(*await asyncio.open_connection(sock=peer, limit=_LIMIT))

    async with asyncio.TaskGroup() as tasks:

        def accept(listening: socket.socket) -> None:
            try:
                peer, _ = listening.accept()
            except OSError:  # gone again, or no descriptor left
                return
            peer.setblocking(False)  # noqa: FBT003 - the library's signature
            if len(running) >= at_once:
                peer.close()
                return
            task = tasks.create_task(talk(peer))
            running.add(task)
            task.add_done_callback(running.discard)

        with port.attended(lambda one: loop.add_reader(one, accept, one), loop.remove_reader):
            await loop.create_future()
