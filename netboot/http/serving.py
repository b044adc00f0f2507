"""An ASGI application served by granian inside a running event loop.

For running alone only. The product runs granian's worker processes instead, so
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

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from ipaddress import IPv4Address

    from starlette.types import ASGIApp


def free_port(address: IPv4Address, port: int) -> int:
    """``port``, or a free one for 0. Raises NetbootError if it is taken.

    granian itself would not notice: it shares ports (SO_REUSEPORT) with whoever does so too.
    """
    with sockets.open_tcp(address, port) as trial:
        return sockets.port_of(trial)


@asynccontextmanager
async def serving(app: ASGIApp, address: IPv4Address, port: int) -> AsyncIterator[None]:
    """Serve ``app`` over HTTP/1.1 while the block runs."""
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
        yield
    finally:
        server.stop()  # type: ignore[no-untyped-call]  # granian leaves it unannotated
        await running
