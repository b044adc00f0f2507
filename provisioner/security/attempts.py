"""How often a source may guess a password. Pure: the time comes in.

Each wrong guess doubles the time until the next one counts, up to a limit. A source is an address, or what
else tells askers apart; those that do not guess do not wait for those that do.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from provisioner.base.errors import ProvisionerError

FREE = 5
"""Wrong guesses without any wait: people mistype."""
LONGEST = 60.0
"""Seconds that a source waits at most."""
FORGIVEN = 900.0
"""Seconds after which wrong guesses are forgotten."""
SOURCES = 10_000


class TooOftenError(ProvisionerError):
    """A source guesses too fast; this guess was not even looked at."""


@dataclass(slots=True)
class Attempts:
    """Wrong guesses by their source. May be used from several threads."""

    _wrong: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)
    _known: OrderedDict[tuple[str, bytes], None] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, source: str, now: float) -> None:
        """Count a guess as wrong until :meth:`right` says otherwise. Raises TooOftenError before its time.

        Counted before it is checked: guesses that are made at the same time count each.
        """
        with self._lock:
            count, last = self._wrong.get(source, (0, now))
            if now - last > FORGIVEN:
                count = 0
            wait = last + _pause(count) - now
            if wait > 0:
                raise TooOftenError(
                    f"{count} wrong passwords came from {source}", f"try again in {wait:.0f} seconds"
                )
            self._wrong[source] = (count + 1, now)
            self._wrong.move_to_end(source)
            if len(self._wrong) > SOURCES:
                self._wrong.popitem(last=False)

    def wrong(self, source: str, guess: bytes) -> None:
        """The guess was wrong, and is so again: a program that asks with an old password guesses nothing.

        ``guess`` stands for it. By source: what one has tried tells others nothing.
        """
        with self._lock:
            self._known[source, guess] = None
            if len(self._known) > SOURCES:
                self._known.popitem(last=False)

    def was_wrong(self, source: str, guess: bytes) -> bool:
        """Whether this source's same guess was wrong before; then it needs no look, and does not count."""
        with self._lock:
            return (source, guess) in self._known

    def right(self, source: str) -> None:
        """The guess was right: forget the wrong ones."""
        with self._lock:
            self._wrong.pop(source, None)


def _pause(wrong: int) -> float:
    """Seconds between a guess and the next one."""
    return 0.0 if wrong < FREE else float(min(LONGEST, 2.0 ** min(wrong - FREE, 16)))
