"""Bodies of requests: how long, how slowly and how many may be sent, and that a refusal is heard.

A body is read only after what comes before it (a token, a nonce) was looked at. Until then, and
after, it costs memory only as it comes, and never more than its message may have.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from provisioner.base.errors import ProvisionerError

GRACE = 20.0
"""Seconds that a body may take however small it is."""
SLOWEST = 32 << 10
"""Bytes a second below which a sender is too slow: a hundredth of what one of fifty at a gigabit has."""
BODIES_OF_ONE = 64
"""Bodies that one address may send to a worker at a time; agents send with some threads each."""
HELD = 384 << 20
"""Bytes of unfinished bodies that a worker holds: the largest there is, and many small ones."""
DRAIN_BYTES = 8 << 20
DRAIN_SECONDS = 5.0


class TooLargeError(ProvisionerError):
    """A request's body is larger than its message may be."""


class TooSlowError(ProvisionerError):
    """A request's body comes too slowly."""


class BusyError(ProvisionerError):
    """More bodies are being sent than this process takes; asking again helps."""


@dataclass(slots=True)
class Holding:
    """What the unfinished bodies of a process hold. Used in its event loop alone."""

    limit: int = HELD
    of_one: int = BODIES_OF_ONE
    held: int = 0
    _sources: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def body(self, source: str) -> AsyncIterator[Callable[[int], None]]:
        """Hold one body of ``source``, whose growth is told to what is yielded. Raises BusyError."""
        if self._sources[source] >= self.of_one:
            raise BusyError(f"{source} sends {self.of_one} messages at a time already", "send fewer at once")
        self._sources[source] += 1
        own = 0

        def grow(count: int) -> None:
            nonlocal own
            if self.held + count > self.limit:
                raise BusyError("too much is being sent at a time", "send it again a little later")
            own += count
            self.held += count

        try:
            yield grow
        finally:
            self.held -= own
            self._sources[source] -= 1
            if not self._sources[source]:
                del self._sources[source]


holding = Holding()
"""This process's."""


def body(limit: int) -> Callable[[Request], Coroutine[Any, Any, bytes]]:
    """A dependency that takes a body of at most ``limit`` bytes as it is.

    It raises TooLargeError, TooSlowError, BusyError, and ClientDisconnect.
    """

    async def take(request: Request) -> bytes:
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and (len(announced) > len(str(limit)) or int(announced) > limit):
            raise _too_large(limit)
        pieces: list[bytes] = []
        count = 0
        began = asyncio.get_running_loop().time()
        stream = request.stream()
        async with holding.body(request.client.host if request.client else "") as grow:
            while True:
                try:
                    async with asyncio.timeout_at(began + GRACE + count / SLOWEST):
                        piece = await anext(stream, None)
                except TimeoutError as error:
                    raise TooSlowError(
                        f"the message has not come within {GRACE:.0f} s", "send it again"
                    ) from error
                if piece is None:
                    return b"".join(pieces)
                count += len(piece)
                if count > limit:
                    raise _too_large(limit)
                grow(len(piece))
                pieces.append(piece)

    return take


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"the message is larger than {limit} bytes")


class WholeRefusals:
    """Takes the rest of a refused request's body, up to a limit, before it is answered.

    Who still sends reads no answer: to a client whose connection is closed meanwhile, a "no" looks like an
    appliance that is away, and it would ask again and again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        more = True

        async def taking() -> Message:
            nonlocal more
            message = await receive()
            more = message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:  # noqa: PLR2004 - RFC 9110, 15.5
                await drain()
            await send(message)

        async def drain() -> None:
            taken = 0
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_SECONDS):
                    while more and taken < DRAIN_BYTES:
                        taken += len((await taking()).get("body", b""))

        await self._app(scope, taking, answering)
