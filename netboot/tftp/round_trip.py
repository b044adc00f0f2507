"""How long a client takes to acknowledge, and how long to wait before something is sent again.

RFC 1123 §4.2.3.2 wants a timeout that adapts; the estimate is TCP's (RFC 6298). Without it, every lost
packet on a LAN costs a second, a thousand round trips. Pure: times are arguments.
"""

from __future__ import annotations

QUICKEST = 0.2
"""Seconds. A busy ROM polls its network card between other things: less would repeat what was not lost."""
SLOWEST = 8.0
PROBE = 0.03
"""Seconds before a window's last block is repeated; it is one packet, and the window's others are not."""


class RoundTrip:
    """The estimate for one client. ``initial``: seconds to wait while nothing is measured."""

    def __init__(self, initial: float) -> None:
        self._initial = initial
        self._smoothed: float | None = None
        self._variation = 0.0
        self._backed_off = 0.0

    def measured(self, seconds: float) -> None:
        """An answer came so long after what it answers, which was sent once only (Karn's rule)."""
        self._backed_off = 0.0
        if self._smoothed is None:
            self._smoothed, self._variation = seconds, seconds / 2
            return
        self._variation += (abs(self._smoothed - seconds) - self._variation) / 4
        self._smoothed += (seconds - self._smoothed) / 8

    def late(self, tried: int) -> None:
        """An answer came after ``tried`` repetitions: the next wait is longer, until there is a measurement.

        Else a client that became slower than the estimate is sent everything twice, and never measured.
        """
        self._backed_off = min(self.timeout * 2**tried, self._initial)

    @property
    def timeout(self) -> float:
        """Seconds to wait for an answer before everything is sent again."""
        if self._smoothed is None:
            return self._initial
        estimate = max(QUICKEST, self._smoothed + 4 * self._variation, self._backed_off)
        return min(estimate, SLOWEST)

    @property
    def probe(self) -> float | None:
        """Seconds to wait for a window's acknowledgement before its last block is repeated; None: unknown."""
        return None if self._smoothed is None else max(PROBE, 2 * self._smoothed)
