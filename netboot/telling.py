"""Events of a service that everybody can send packets to: all of them in peace, few of a flood.

A thousand forged requests a second are a thousand events, each a line in a log and a row in a
database. So each address may cause a few, and all addresses of which no machine is known some more
together; what is left out is counted and said.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from netboot.events import Kind
from netboot.memory import RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from netboot.events import Tell

_SUMMARY = 1.0
"""Seconds between two counts of what was left out."""


class Telling:
    """A :data:`netboot.events.Tell` by address, in front of ``tell``.

    ``known`` says whether a machine is known to have an address.
    """

    def __init__(
        self, tell: Tell, known: Callable[[str], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell = tell
        self._known = known
        self._clock = clock
        self._each = RateLimit(burst=60, per_second=6.0)
        self._strangers = RateLimit(burst=600, per_second=20.0, limit=1)
        self._left_out = 0

    def __call__(self, kind: Kind, address: str, detail: str) -> None:
        """Tell one event, or count it."""
        now = self._clock()
        told = self._each.allows(address, now) and (self._known(address) or self._strangers.allows("", now))
        if told:
            self._tell(kind, address, detail)
            return
        if not self._left_out:
            asyncio.get_running_loop().call_later(_SUMMARY, self._summarise)
        self._left_out += 1

    def _summarise(self) -> None:
        count, self._left_out = self._left_out, 0
        self._tell(Kind.IGNORED, "", f"{count} more events in a second are not told one by one")
