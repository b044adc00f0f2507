"""``GET /boot/script`` and ``GET /boot/blob/NAME``, each also HEAD.

UEFI HTTP boot sets the rules for blobs: HEAD first, Content-Length always, ranges,
``application/efi`` for loaders, no redirects. It knows no more of the booter than
its two questions.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, assert_never

from starlette.applications import Starlette
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from netboot import render
from netboot.errors import NetbootError, ProtocolError
from netboot.events import Event, Kind
from netboot.http.connections import reached
from netboot.http.query import client_of, mac_of
from netboot.loaders import SCRIPTS
from netboot.model import Endpoint, Ignore, Kernel, LocalDisk

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from netboot.booter import Booter
    from netboot.events import Sink
    from netboot.model import Boot, Client

log = logging.getLogger(__name__)

_EFI = "application/efi"
_BYTES = "application/octet-stream"
_NOWHERE = "it cannot be known at which address this request came in\n"


def boot_app(booter: Booter, sink: Sink, http_port: int) -> Starlette:
    """The routes as an ASGI application of their own."""
    return Starlette(routes=boot_routes(booter, sink, http_port))


def boot_routes(booter: Booter, sink: Sink, http_port: int) -> list[Route]:
    """The routes, to be mounted at the root of a site. ``http_port`` is what scripts name."""
    pages = _Pages(booter, sink, http_port)
    return [
        Route("/boot/script", pages.script, methods=["GET"]),  # Starlette adds HEAD to GET
        Route("/boot/blob/{name:path}", pages.blob, methods=["GET"]),
    ]


class _Pages:
    """The two endpoints. The booter may block, so it is asked in threads."""

    def __init__(self, booter: Booter, sink: Sink, http_port: int) -> None:
        self._booter = booter
        self._sink = sink
        self._http_port = http_port

    async def script(self, request: Request) -> Response:
        """What this machine boots, as an iPXE script; 404 with the reason if nothing."""
        try:
            client = client_of(request.query_params, _peer(request))
        except ProtocolError as error:
            return PlainTextResponse(f"{error.message}\n", 400)
        address = await asyncio.to_thread(reached, request)
        if address is None:
            return PlainTextResponse(_NOWHERE, 500)
        here = Endpoint(address, self._http_port)
        boot = await asyncio.to_thread(self._booter.decide, client, here)
        try:
            status, text = _page(boot, client, here)
        except NetbootError as error:
            log.error("no script for %s: %s", client.mac, error.message)  # noqa: TRY400 - no bug
            return PlainTextResponse(f"{error.message}\n", 500)
        ignored = isinstance(boot, Ignore)
        kind = Kind.IGNORED if ignored else Kind.SCRIPT
        said = boot.reason if isinstance(boot, Ignore) else _title(boot)
        self._tell(request, kind, client.mac, said, client)
        return PlainTextResponse(text, status)

    async def blob(self, request: Request) -> Response:
        """A boot file; or the script that newer iPXE looks for beside itself, before it asks DHCP."""
        name: str = request.path_params["name"]
        if name in SCRIPTS:
            return await self._bootstrap(request)
        path = await asyncio.to_thread(self._find, name)
        if path is None:
            return PlainTextResponse(f"there is no boot file {name!r:.80}\n", 404)
        if request.method == "GET":
            self._tell(request, Kind.BLOB, mac_of(request.query_params), name)
        return FileResponse(path, media_type=_EFI if name.lower().endswith(".efi") else _BYTES)

    async def _bootstrap(self, request: Request) -> Response:
        """The first script, as TFTP has it."""
        address = await asyncio.to_thread(reached, request)
        if address is None:
            return PlainTextResponse(_NOWHERE, 500)
        return PlainTextResponse(render.bootstrap(Endpoint(address, self._http_port)))

    def _find(self, name: str) -> Path | None:
        if ".." in name.split("/"):
            return None
        path = self._booter.locate(name)
        return path if path is not None and path.is_file() else None

    def _tell(
        self, request: Request, kind: Kind, mac: str | None, detail: str, client: Client | None = None
    ) -> None:
        architecture = client.architecture.value if client else ""
        uuid = str(client.uuid or "") if client else ""
        self._sink.emit(Event(time.time(), kind, mac, _peer(request), detail, architecture, uuid))


def _page(boot: Boot, client: Client, here: Endpoint) -> tuple[int, str]:
    """HTTP status and text. Raises NetbootError if the boot cannot be written as a script."""
    match boot:
        case Kernel():
            return 200, render.kernel(boot, client, here)
        case LocalDisk():
            return 200, render.local(client)
        case Ignore(reason):
            return 404, f"nothing to boot: {reason}\n"
        case _:
            assert_never(boot)


def _title(boot: Kernel | LocalDisk) -> str:
    return f"kernel {boot.kernel}" if isinstance(boot, Kernel) else "local disk"


def _peer(request: Request) -> str | None:
    return request.client.host if request.client else None
