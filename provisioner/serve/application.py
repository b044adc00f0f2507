"""Joins everything an appliance serves over HTTP: boot files, agents' messages, read API, pages.

Chunks are not here: the HTTP server hands them out itself, as the immutable files they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI

from netboot.http.app import boot_routes
from provisioner.api import agent, errors, messages, read, upload
from provisioner.api.bodies import WholeRefusals
from provisioner.api.services import Services
from provisioner.base import clock
from provisioner.base.clock import Moment
from provisioner.base.config import load_config, parse_listen
from provisioner.base.errors import ProvisionerError
from provisioner.base.home import Home
from provisioner.boot.booter import ProvisionerBooter
from provisioner.boot.sink import DatabaseSink
from provisioner.database.engine import open_database
from provisioner.security.keys import load_nonce_key, load_private_key
from provisioner.stores.open import store_of
from provisioner.web import pages


async def _nothing() -> None:
    return


def create_app(
    home: Path,
    *,
    http_port: int | None = None,
    now: Callable[[], Moment] = clock.now,
    background: Callable[[], Coroutine[None, None, None]] = _nothing,
) -> FastAPI:
    """The application of the appliance at ``home``. Raises ProvisionerError if that is none.

    ``http_port`` is what boot scripts name; the configured one if it is not given. ``background`` runs in the
    application's loop as long as it is served.
    """
    services = _open_services(home, http_port, now)
    sink = DatabaseSink(services.database)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(background())
        yield
        running.cancel()
        sink.close()
        services.database.close()

    app = FastAPI(
        title="clonesys",
        version=version("clonesys"),
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page would load scripts from elsewhere; appliances have no internet
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.sink = sink
    errors.install(app)
    messages.describe(app, agent.MESSAGES)
    for router in (agent.router, upload.router, read.public, read.router, pages.router):
        app.include_router(router)
    booter = ProvisionerBooter(home, services.database, now)
    app.router.routes += boot_routes(booter, sink, services.http_port)
    app.add_middleware(WholeRefusals)
    return app


def _open_services(home: Path, http_port: int | None, now: Callable[[], Moment]) -> Services:
    """Open the appliance at ``home``. Raises ProvisionerError if it was never made."""
    admin = Home(home).keys / "admin"
    if not admin.exists():
        raise ProvisionerError(f"{home} is no appliance: {admin} is missing", "make one with 'clonesys init'")
    config = load_config(home)
    return Services(
        home=Home(home),
        config=config,
        http_port=parse_listen(config.http.listen)[1] if http_port is None else http_port,
        database=open_database(home),
        store=store_of(home),
        signing_key=load_private_key(home),
        nonce_key=load_nonce_key(home),
        moment=now,
    )
