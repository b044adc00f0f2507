"""What the services remember of machines, for a while and in bounded space.

A peer that invents a million MAC addresses must not fill the memory, so everything
remembered per machine is a :class:`Recent`. Pure: time is an argument. What is remembered
here is a hint, never a proof of identity.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A mapping of at most ``limit`` entries; the least recently used goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The value of ``key``, which counts as a use; None if it is unknown or forgotten."""
        if key in self._entries:
            self._entries.move_to_end(key)
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        """Remember ``value``, forgetting the oldest entry when the limit is exceeded."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def forget(self, key: K) -> None:
        """Forget ``key``, if it is known."""
        self._entries.pop(key, None)

    def items(self) -> Iterable[tuple[K, V]]:
        """All entries, the least recently used first; to look at them counts as no use."""
        return self._entries.items()


class AddressOwners:
    """Which machine uses which IP address, as DHCP packets on the wire tell.

    TFTP shows addresses only. A client broadcasts the address it takes (option 50 of its
    REQUEST to the site's own DHCP server) and names its own in ``ciaddr``: so a transfer
    can be shown, and counted, with its machine.
    """

    def __init__(self, limit: int = 8192) -> None:
        self._macs: Recent[str, str] = Recent(limit)

    def learn(self, address: str, mac: str) -> None:
        """``mac`` says that it uses ``address``."""
        self._macs.put(address, mac)

    def mac_of(self, address: str) -> str | None:
        """The last machine that claimed ``address``, or None."""
        return self._macs.get(address)


class RateLimit:
    """A token bucket per key: ``burst`` at once, then ``per_second`` on average.

    Keeps a looping ROM, or a forger, from keeping the services busy. A normal boot asks
    about ten times in a minute (two ROM windows, 4011, iPXE with retries).
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
