"""An ASGI application served by granian inside a running event loop.

For ``python -m netboot`` only. The product runs granian's worker processes instead, so
that downloads never delay an offer.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from netboot import sockets
from netboot.errors import NetbootError
from netboot.http.confined import confine
from netboot.interfaces import Scope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from ipaddress import IPv4Address

    from starlette.types import ASGIApp


def free_port(address: IPv4Address, port: int) -> int:
    """``port``, or a free one for 0. Raises NetbootError if it is taken.

    granian itself would not notice: it shares ports (SO_REUSEPORT) with any process that does so too.
    """
    with sockets.open_tcp(address, port) as trial:
        return sockets.port_of(trial)


@asynccontextmanager
async def serving(
    app: ASGIApp, address: IPv4Address, port: int, interfaces: tuple[str, ...] = ()
) -> AsyncIterator[None]:
    """Serve ``app`` over HTTP/1.1 while the block runs; on the named interfaces only, if there are names."""
    server = Server(
        app,
        address=str(address),
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.error,
    )
    running = asyncio.create_task(server.serve())
    try:
        await _listening(address, port, running)
        confine(port, Scope(interfaces))
        yield
    finally:
        server.stop()  # type: ignore[no-untyped-call]  # granian leaves it unannotated
        await running


async def _listening(address: IPv4Address, port: int, running: asyncio.Task[None]) -> None:
    """Wait for the first connection to succeed: granian does not say when it is ready."""
    host = str(address) if int(address) else "127.0.0.1"
    while not running.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    await running
    raise NetbootError("the HTTP server ended at once", "see its log")
