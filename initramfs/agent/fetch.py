"""Talking HTTP to the appliance, with the patience of an unattended machine.

The only module of the agent that opens connections (besides the DHCP lease at
boot). One kept-alive connection per thread. An appliance that is away or
restarting is waited for; one that answers "no" is believed at once. Proxies
and redirects are not followed: the address came with the boot script.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, repeat
from urllib.parse import urlsplit

from initramfs.agent.errors import AgentError, ServerError, Unreachable
from initramfs.messages import NONCE_SCHEME

TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as dead."""

BACKOFF = (0.2, 0.5, 1.0, 2.0)
"""Seconds between the first attempts; the last one is repeated."""

PATIENCE = 1800.0
"""Seconds to wait for an appliance that is away: long enough for it to be rebooted or repaired."""

MAX_BODY = 16 << 20
"""Bytes of an answer; chunks have at most 4 MiB. Manifests may be larger, and say so."""

CLIENT_ERROR = 400
SERVER_ERROR = 500
ASK_AGAIN = {http.client.REQUEST_TIMEOUT, http.client.TOO_MANY_REQUESTS}


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the caller sees it: ``now`` is monotonic seconds, ``sleep`` waits for some."""

    now: Callable[[], float]
    sleep: Callable[[float], None]


class NotFound(ServerError):  # noqa: N818 - a condition, and it reads as one
    """The appliance has no such thing."""


class Conflict(ServerError):  # noqa: N818 - likewise
    """What was asked does not fit the state that the appliance is in."""


class Unknown(ServerError):  # noqa: N818 - likewise
    """The appliance does not know the token, or the nonce (401)."""


@dataclass(slots=True)
class Appliance:
    """The appliance at ``url`` (scheme http, a literal address). ``waiting`` is told once per outage.

    ``renew`` makes ``token`` good again when the appliance does not know it any more (a power cut has cost
    it its last seconds, or its clock was set); it raises ServerError if that cannot be.
    """

    url: str
    clock: Clock
    waiting: Callable[[str], None] = lambda _reason: None
    patience: float = PATIENCE
    token: str = ""
    renew: Callable[[], None] | None = None
    _renewing: threading.Lock = field(default_factory=threading.Lock)
    _local: threading.local = field(default_factory=threading.local)
    _opened: list[http.client.HTTPConnection] = field(default_factory=list)

    def get(self, path: str, limit: int = MAX_BODY) -> bytes:
        """The body at ``path``, whole, of at most ``limit`` bytes.

        Raises NotFound, ServerError, Unreachable.
        """
        return self._known("GET", path, None, limit)

    def post(self, path: str, body: bytes) -> bytes:
        """Send JSON, return the answer's body. Sent again if the answer was lost, as ``messages`` allows."""
        return self._known("POST", path, body)

    def contact(self, path: str, nonce: str, body: bytes) -> bytes:
        """The same, under a nonce instead of the token."""
        return self._insist("POST", path, body, authorization=f"{NONCE_SCHEME} {nonce}")

    def put(self, path: str, body: bytes) -> None:
        """Send bytes to keep at ``path``. Sent again if the answer was lost, as ``messages`` allows."""
        self._known("PUT", path, body)

    def close(self) -> None:
        """Close this thread's connection; the next request opens another."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._opened = [other for other in self._opened if other is not connection]
        self._local.connection = None

    def close_all(self) -> None:
        """Close the connections of all threads, which must not use them any more."""
        while self._opened:
            self._opened.pop().close()

    def _known(self, method: str, path: str, body: bytes | None, limit: int = MAX_BODY) -> bytes:
        """As :meth:`_insist`, under the token, and once more under a new one if it is not known any more."""
        token = self.token
        try:
            return self._insist(method, path, body, limit, authorization=_bearer(token))
        except Unknown:
            if self.renew is None:
                raise
            with self._renewing:
                if self.token == token:  # else another thread has done it
                    self.renew()
        return self._insist(method, path, body, limit, authorization=_bearer(self.token))

    def _insist(
        self, method: str, path: str, body: bytes | None, limit: int = MAX_BODY, *, authorization: str
    ) -> bytes:
        deadline = self.clock.now() + self.patience
        for attempt, pause in enumerate(chain(BACKOFF, repeat(BACKOFF[-1]))):
            try:
                return self._once(method, path, body, limit, authorization)
            except (OSError, http.client.HTTPException, _Again) as error:
                self.close()
                reason = f"{self.url} does not answer: {str(error) or type(error).__name__}"
                if self.clock.now() >= deadline:
                    raise Unreachable(
                        f"{reason} (waited {self.patience:.0f} s)", "is 'clonesys serve' running there?"
                    ) from error
                if attempt == 1:  # a kept-alive connection may just have been closed: the first is normal
                    self.waiting(f"{reason}; waiting for it")
                self.clock.sleep(pause)
        raise AssertionError("unreachable: the loop has no end")

    def _once(self, method: str, path: str, body: bytes | None, limit: int, authorization: str) -> bytes:
        connection = self._connection()
        connection.request(method, path, body, dict(_headers(body, authorization)))
        response = connection.getresponse()
        content = _body(response, limit)
        if response.status == http.client.INSUFFICIENT_STORAGE:  # waiting makes no room
            raise _refusal(method, path, response.status, content)
        if response.status >= SERVER_ERROR or response.status in ASK_AGAIN:
            raise _Again(f"{response.status} {response.reason}")
        if response.status >= CLIENT_ERROR:
            raise _refusal(method, path, response.status, content)
        return content

    def _connection(self) -> http.client.HTTPConnection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            parts = urlsplit(self.url)
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
            self._local.connection = connection
            self._opened.append(connection)
        return connection


def _bearer(token: str) -> str:
    return f"Bearer {token}" if token else ""


def _headers(body: bytes | None, authorization: str) -> Iterator[tuple[str, str]]:
    if authorization:
        yield "Authorization", authorization
    if body is not None:
        yield "Content-Type", "application/json" if body[:1] == b"{" else "application/octet-stream"


class _Again(Exception):  # noqa: N818 - never leaves this module
    """The appliance is there but cannot serve just now (5xx, or it was too slow or too much for it)."""


def _body(response: http.client.HTTPResponse, limit: int) -> bytes:
    """All of it, up to ``limit``: what answers may be another server, and must not fill the memory.

    read() without a size raises IncompleteRead when a part of a body of announced length is missing, and with
    a size only for chunked ones.
    """
    content = b""
    if response.length is None or response.length <= limit:
        content = response.read() if response.length is not None else response.read(limit + 1)
    if len(content) > limit or (response.length or 0) > limit:
        raise ServerError(f"the appliance answers with more than {limit} bytes", "is it another server?")
    return content


REFUSALS: dict[int, type[ServerError]] = {
    http.client.UNAUTHORIZED: Unknown,
    http.client.NOT_FOUND: NotFound,
    http.client.CONFLICT: Conflict,
}


def _refusal(method: str, path: str, status: int, content: bytes) -> AgentError:
    try:
        answer = json.loads(content)
        reason, hint = str(answer["detail"]), str(answer.get("hint", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        reason, hint = content[:200].decode(errors="replace"), ""
    return REFUSALS.get(status, ServerError)(
        f"the appliance refused {method} {path}: {status} {reason}".rstrip(), hint
    )
