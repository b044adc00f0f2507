"""Wire messages as request bodies: read by ``wire.decode`` alone, described in OpenAPI all the same."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from initramfs.agent import wire
from provisioner.api.errors import TooLargeError

T = TypeVar("T")

MAX_BODY = 8 * 2**20
"""Bytes: far above any batch of reports, far below what hurts."""
_REFERENCE = "#/components/schemas/{model}"


def reader(kind: type[T]) -> Callable[[Request], Coroutine[Any, Any, T]]:
    """A dependency that reads a message of type ``kind``. It raises WireError or TooLargeError."""

    async def read(request: Request) -> T:
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY:
                raise TooLargeError(f"the message is larger than {MAX_BODY} bytes")
        return wire.decode(kind, bytes(body))

    return read


def described(kind: type) -> dict[str, Any]:
    """What OpenAPI says of an endpoint whose body is a message of type ``kind``."""
    schema = {"$ref": _REFERENCE.format(model=kind.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def describe(app: FastAPI, kinds: tuple[type, ...]) -> None:
    """Let the OpenAPI description of ``app`` contain the schemas of these messages."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            known = schema.setdefault("components", {}).setdefault("schemas", {})
            for kind in kinds:
                model = TypeAdapter(kind).json_schema(ref_template=_REFERENCE)
                known |= model.pop("$defs", {}) | {kind.__name__: model}
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
