"""Contents that are being sent, each opened once for all who load it at the same time.

A rack that is powered on asks for one loader a hundred times within a second: one descriptor and one
look at the file system are enough. Both happen in threads, so that a slow disk delays nobody else.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netboot.tftp import files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from netboot.booter import Booter
    from netboot.model import Endpoint
    from netboot.tftp.files import File, Text

_FRESH = 1.0
"""Seconds for which a file that was just looked for is not looked for again."""
_THREADS = 4


@dataclass(slots=True)
class _Shared:
    found: asyncio.Future[Text | File | None]
    users: int = 0
    fresh: bool = True


class Contents:
    """Finds what ``booter`` has. Close it at the end; the loop must still run then."""

    def __init__(self, booter: Booter) -> None:
        self._booter = booter
        self._shared: dict[tuple[str, Endpoint], _Shared] = {}
        self._threads = ThreadPoolExecutor(_THREADS, "tftp-files")

    @asynccontextmanager
    async def borrow(self, name: str, here: Endpoint) -> AsyncIterator[Text | File | None]:
        """The content of ``name`` (normalised) as it is told to clients of ``here``. Raises OSError."""
        shared = self._shared.get((name, here)) or self._look(name, here)
        shared.users += 1
        try:
            yield await asyncio.shield(shared.found)  # one who is cancelled leaves the others waiting for it
        finally:
            shared.users -= 1
            _release(shared)

    def close(self) -> None:
        """Wait for no thread; what is lent out is closed by its last user."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for key in list(self._shared):
            self._retire(key)

    def _look(self, name: str, here: Endpoint) -> _Shared:
        loop = asyncio.get_running_loop()
        found = loop.run_in_executor(self._threads, files.find, name, self._booter, here)
        shared = self._shared[name, here] = _Shared(asyncio.ensure_future(found))
        shared.found.add_done_callback(lambda _: loop.call_later(_FRESH, self._retire, (name, here)))
        return shared

    def _retire(self, key: tuple[str, Endpoint]) -> None:
        shared = self._shared.pop(key, None)
        if shared is not None:
            shared.fresh = False
            _release(shared)


def _release(shared: _Shared) -> None:
    """Close what is neither lent out nor to be lent again."""
    if shared.users or shared.fresh:
        return
    if not shared.found.done():
        shared.found.add_done_callback(lambda _: _release(shared))
    elif not shared.found.cancelled() and shared.found.exception() is None:
        content = shared.found.result()
        if content is not None:
            content.close()
