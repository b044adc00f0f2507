"""A limit on answers per machine, so that a looping ROM or a forger cannot keep us busy.

Pure: time is an argument.
"""

from __future__ import annotations

from netboot.recent import Recent


class RateLimit:
    """A token bucket per key: ``burst`` at once, then ``per_second`` on average.

    A normal boot asks about ten times in a minute (two ROM windows, 4011, iPXE with retries).
    """

    def __init__(self, burst: int = 20, per_second: float = 2.0, limit: int = 4096) -> None:
        self._burst = burst
        self._per_second = per_second
        self._buckets: Recent[str, tuple[float, float]] = Recent(limit)

    def allows(self, key: str, now: float) -> bool:
        """Whether one more is allowed at ``now`` (seconds, monotonic); counts it if so."""
        tokens, at = self._buckets.get(key) or (float(self._burst), now)
        tokens = min(self._burst, tokens + max(0.0, now - at) * self._per_second)
        self._buckets.put(key, (tokens - 1 if tokens >= 1 else tokens, now))
        return tokens >= 1
