"""Wire messages as request bodies: read by ``messages.decode`` alone, described in OpenAPI all the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from initramfs import messages
from provisioner.api.bodies import body
from provisioner.base.errors import InvalidError

T = TypeVar("T")

KIB = 1 << 10
SIZES: dict[type, int] = {
    messages.Contact: 512 * KIB,
    messages.Reports: 2048 * KIB,
    messages.Digests: 512 * KIB,
    messages.Signed: 1024 * KIB,
    messages.PhoneHome: 4 * KIB,
}
"""Bytes that a message may have: several times what the largest machine and the longest batch need."""
_DECODING = 2
"""Messages that a process reads at a time: what waits for it still gets its share of the processor."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
HEXADECIMAL = "^([0-9a-f]{2})*$"
_REFERENCE = "#/components/schemas/{model}"


def reader(kind: type[T]) -> Callable[[Request], Coroutine[Any, Any, T]]:
    """A dependency that reads a message of type ``kind``, beside the event loop.

    Put behind what can be checked without the message. It raises MessageError, and what ``bodies.body`` does.
    """
    take = body(SIZES[kind])

    async def read(request: Request) -> T:
        return await run_sync(messages.decode, kind, await take(request), limiter=_decoding())

    return read


@cache
def _decoding() -> CapacityLimiter:
    return CapacityLimiter(_DECODING)


def parse_digest(name: str) -> bytes:
    """A digest as a URL names it: 64 hexadecimal digits. Raises InvalidError."""
    if not _DIGEST.fullmatch(name):
        raise InvalidError(f"{name!r:.80} is no digest", (), "it has 64 hexadecimal digits")
    return bytes.fromhex(name)


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
                known |= _hexadecimal(model.pop("$defs", {}) | {kind.__name__: model})
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _hexadecimal(schema: Any) -> Any:
    """A schema in which bytes are what the codec makes of them: hexadecimal digits."""
    if isinstance(schema, list):
        return [_hexadecimal(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "binary":
        return {key: value for key, value in schema.items() if key != "format"} | {"pattern": HEXADECIMAL}
    return {key: _hexadecimal(value) for key, value in schema.items()}
