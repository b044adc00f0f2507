"""Says what is ignored, and why, as often as helps.

An event that is missing is a search in the dark; a thousand a second are a flood, which anything on the
network can cause. Pure: time is an argument, in monotonic seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netboot.events import Kind
from netboot.memory import RateLimit

if TYPE_CHECKING:
    from netboot.events import Tell

_KIND = 24
_LENGTH = 200
"""Characters of a remark: part of it may be a packet's text."""


class Remarks:
    """Tells ``IGNORED`` events: a machine's a few times, then every five minutes; few a second of all."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._each = RateLimit(burst=3, per_second=1 / 300)
        self._all = RateLimit(burst=100, per_second=5)
        self._withheld = 0

    def ignored(self, mac: str, source: str, why: str, now: float) -> None:
        """A packet of ``mac`` (empty: not known), from the address ``source``, is not answered."""
        # By its beginning the reason too: what one machine does wrong does not hide what another does there.
        if not self._each.allows(f"{mac or source} {why[:_KIND]}", now):
            return
        if not self._all.allows("", now):
            self._withheld += 1
            return
        if self._withheld:
            self._tell(Kind.IGNORED, "", f"{self._withheld} more, too many to be told one by one")
            self._withheld = 0
        self._tell(Kind.IGNORED, mac, why[:_LENGTH])
