"""From the product's errors to HTTP: a status, and ``{"detail": …, "hint": …}``.

A 4xx tells an agent to stop asking, and so does 507 (the disk is full); any other 5xx to try
again (``initramfs.agent.fetch``).
"""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from initramfs.messages import MessageError
from provisioner.api.bodies import BusyError, TooLargeError, TooSlowError
from provisioner.base.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ProvisionerError,
)
from provisioner.database.engine import DatabaseError
from provisioner.jobs.contact import UnknownHostError
from provisioner.security.attempts import TooOftenError
from provisioner.security.nonces import ForeignNonceError, NonceError
from provisioner.security.signatures import UnprovedError
from provisioner.security.tokens import ForeignTokenError, TokenError
from provisioner.stores.errors import StoreFullError

log = logging.getLogger("clonesys.http")

STATUS: tuple[tuple[type[ProvisionerError], int], ...] = (
    (ForeignNonceError, 403),
    (UnknownHostError, 403),
    (ForbiddenError, 403),
    (NonceError, 401),
    (ForeignTokenError, 403),
    (UnprovedError, 403),
    (TokenError, 401),
    (NotFoundError, 404),
    (ConflictError, 409),
    (TooLargeError, 413),
    (TooSlowError, 408),
    (TooOftenError, 429),
    (BusyError, 503),
    (DatabaseError, 503),
    (StoreFullError, 507),
    (InvalidError, 400),
)
"""The first class that fits decides, so the special ones stand first."""


HEADERS = {
    401: {"WWW-Authenticate": "Bearer"},  # RFC 9110, 11.6.1
    408: {"Connection": "close"},
    429: {"Retry-After": "10"},
    503: {"Retry-After": "2"},
}


def status_of(error: ProvisionerError) -> int:
    """The HTTP status for an error; what is not the peer's fault is ours."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def install(app: FastAPI) -> None:
    """Let ``app`` answer with our errors."""

    async def refused(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, ProvisionerError):
            raise error
        status = status_of(error)
        if isinstance(error, DatabaseError):
            log.warning("refused for now: %s", error.message)
        headers = HEADERS.get(status)
        return JSONResponse({"detail": error.message, "hint": error.hint}, status, headers)

    async def garbled(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error), "hint": "is the initramfs of another version?"}, 400)

    async def gone(_request: Request, _error: Exception) -> Response:
        return Response(status_code=400)  # nobody reads it: the client has closed its connection

    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(ProvisionerError, refused)
    app.add_exception_handler(MessageError, garbled)
