"""Joins everything an appliance serves over HTTP: boot files, agents' messages, read API, pages.

Chunks are not here: the HTTP server hands them out itself, as the immutable files they are.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI

from provisioner.api import admin, agent, errors, messages
from provisioner.api.services import open_services
from provisioner.booter import ProvisionerBooter
from provisioner.sink import DatabaseSink
from provisioner.web import pages


def create_app(home: Path, now: Callable[[], float] = time.time) -> FastAPI:
    """The application of the appliance at ``home``. Raises ProvisionerError if that is none."""
    services = open_services(home, now)
    sink = DatabaseSink(services.database)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        sink.close()
        services.database.close()

    app = FastAPI(
        title="clonesys",
        version=version("clonesys"),
        openapi_url="/api/v1/openapi.json",
        docs_url="/api/v1/docs",
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.sink = sink
    errors.install(app)
    messages.describe(app, agent.MESSAGES)
    for router in (agent.router, admin.router, pages.router):
        app.include_router(router)
    _add_boot_routes(app, ProvisionerBooter(home, services.database, now), sink)
    return app


def _add_boot_routes(app: FastAPI, booter: ProvisionerBooter, sink: DatabaseSink) -> None:
    """The routes of the network services, which know nothing of the rest."""
