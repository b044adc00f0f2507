"""From the product's errors to HTTP: a status, and ``{"detail": …, "hint": …}``.

A 4xx tells an agent to stop asking, and so does 507 (the disk is full); any other 5xx to try
again (``initramfs.agent.fetch``).
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from initramfs.messages import MessageError
from provisioner.base.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ProvisionerError,
)
from provisioner.jobs.contact import UnknownHostError
from provisioner.security.nonces import ForeignNonceError, NonceError
from provisioner.security.signatures import UnprovedError
from provisioner.security.tokens import ForeignTokenError, TokenError
from provisioner.stores.errors import StoreFullError

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
    (StoreFullError, 507),
    (InvalidError, 400),
)
"""The first class that fits decides, so the special ones stand first."""


class TooLargeError(ProvisionerError):
    """A request's body is larger than any message of ours."""


def status_of(error: ProvisionerError) -> int:
    """The HTTP status for an error; what is not the peer's fault is ours."""
    if isinstance(error, TooLargeError):
        return 413
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def install(app: FastAPI) -> None:
    """Let ``app`` answer with our errors."""

    async def refused(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, ProvisionerError):
            raise error
        status = status_of(error)
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None  # noqa: PLR2004 - RFC 9110, 11.6.1
        return JSONResponse({"detail": error.message, "hint": error.hint}, status, headers)

    async def garbled(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error), "hint": "is the initramfs of another version?"}, 400)

    app.add_exception_handler(ProvisionerError, refused)
    app.add_exception_handler(MessageError, garbled)
