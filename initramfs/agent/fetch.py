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


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the caller sees it: ``now`` is monotonic seconds, ``sleep`` waits for some."""

    now: Callable[[], float]
    sleep: Callable[[float], None]


class NotFound(ServerError):  # noqa: N818 - a condition, and it reads as one
    """The appliance has no such thing."""


class Conflict(ServerError):  # noqa: N818 - likewise
    """What was asked does not fit the state that the appliance is in."""


@dataclass(slots=True)
class Appliance:
    """The appliance at ``url`` (scheme http, a literal address). ``waiting`` is told once per outage."""

    url: str
    clock: Clock
    waiting: Callable[[str], None] = lambda _reason: None
    patience: float = PATIENCE
    token: str = ""
    _local: threading.local = field(default_factory=threading.local)
    _opened: list[http.client.HTTPConnection] = field(default_factory=list)

    def get(self, path: str, limit: int = MAX_BODY) -> bytes:
        """The body at ``path``, whole, of at most ``limit`` bytes.

        Raises NotFound, ServerError, Unreachable.
        """
        return self._insist("GET", path, None, limit)

    def post(self, path: str, body: bytes) -> bytes:
        """Send JSON, return the answer's body. Sent again if the answer was lost, as ``messages`` allows."""
        return self._insist("POST", path, body)

    def put(self, path: str, body: bytes) -> None:
        """Send bytes to keep at ``path``. Sent again if the answer was lost, as ``messages`` allows."""
        self._insist("PUT", path, body)

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

    def _insist(self, method: str, path: str, body: bytes | None, limit: int = MAX_BODY) -> bytes:
        deadline = self.clock.now() + self.patience
        for attempt, pause in enumerate(chain(BACKOFF, repeat(BACKOFF[-1]))):
            try:
                return self._once(method, path, body, limit)
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

    def _once(self, method: str, path: str, body: bytes | None, limit: int) -> bytes:
        connection = self._connection()
        connection.request(method, path, body, dict(self._headers(body)))
        response = connection.getresponse()
        content = _body(response, limit)
        if response.status == http.client.INSUFFICIENT_STORAGE:  # waiting makes no room
            raise _refusal(method, path, response.status, content)
        if response.status >= SERVER_ERROR:
            raise _Again(f"{response.status} {response.reason}")
        if response.status >= CLIENT_ERROR:
            raise _refusal(method, path, response.status, content)
        return content

    def _headers(self, body: bytes | None) -> Iterator[tuple[str, str]]:
        if self.token:
            yield "Authorization", f"Bearer {self.token}"
        if body is not None:
            yield "Content-Type", "application/json" if body[:1] == b"{" else "application/octet-stream"

    def _connection(self) -> http.client.HTTPConnection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            parts = urlsplit(self.url)
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
            self._local.connection = connection
            self._opened.append(connection)
        return connection


class _Again(Exception):  # noqa: N818 - never leaves this module
    """The appliance is there but cannot serve just now (5xx)."""


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


REFUSALS: dict[int, type[ServerError]] = {http.client.NOT_FOUND: NotFound, http.client.CONFLICT: Conflict}


def _refusal(method: str, path: str, status: int, content: bytes) -> AgentError:
    try:
        answer = json.loads(content)
        reason, hint = str(answer["detail"]), str(answer.get("hint", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        reason, hint = content[:200].decode(errors="replace"), ""
    return REFUSALS.get(status, ServerError)(
        f"the appliance refused {method} {path}: {status} {reason}".rstrip(), hint
    )
