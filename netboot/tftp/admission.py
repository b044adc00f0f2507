"""Which transfers may run at once, and which one gives way to a new one.

An address is easily forged, and a request costs nothing: whoever asks and never answers must not
keep the others waiting. So what was never acknowledged gives way first, the oldest at once; then
what has been silent for long; then what one source has more of than others. A real client answers
within milliseconds, and has nothing to fear. Pure: time and addresses are arguments.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

Peer = tuple[str, int]
"""A client's address and port."""
T = TypeVar("T")

_ANSWERS_WITHIN = 1.0
"""Seconds in which a client on a LAN has acknowledged something, if it is there at all."""
_SILENT = 5.0
"""Seconds without progress after which a transfer gives way to one that may do better."""


@dataclass(slots=True)
class Place:
    """One transfer's place.

    Attributes:
        known: whether its address is one that a machine is known to have; a forger guesses seldom.
        since: when it began, or last made progress.
        heard: whether its client has acknowledged anything.
    """

    known: bool
    since: float
    heard: bool = False


class Admission:
    """At most ``at_once`` transfers, of which one address has at most ``per_source``.

    Several machines may share an address (NAT): beyond ``per_source`` they wait for each other.
    """

    def __init__(self, at_once: int = 512, per_source: int = 32) -> None:
        self._at_once = at_once
        self._per_source = per_source
        self._places: dict[Peer, Place] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._places)

    def enter(self, peer: Peer, now: float, *, known: bool) -> tuple[Place, Peer | None] | None:
        """A place for ``peer``, and who gives way for it (has left already); None if it has to wait."""
        victim: Peer | None = None
        if self._counts[peer[0]] >= self._per_source:
            victim = self._dispensable_of(peer[0], now)
            if victim is None:
                return None
        elif len(self._places) >= self._at_once:
            victim = self._dispensable(peer[0], now, known=known)
            if victim is None:
                return None
        if victim is not None:
            self.leave(victim)
        place = self._places[peer] = Place(known, now)
        self._counts[peer[0]] += 1
        return place, victim

    def leave(self, peer: Peer) -> None:
        """Give the place back; nothing if ``peer`` has none."""
        if self._places.pop(peer, None) is None:
            return
        self._counts[peer[0]] -= 1
        if not self._counts[peer[0]]:
            del self._counts[peer[0]]

    def _dispensable_of(self, source: str, now: float) -> Peer | None:
        """Machines behind one address are not to push each other out: only who is surely gone gives way."""
        own = [(peer, place) for peer, place in self._places.items() if peer[0] == source]
        gone = [peer for peer, place in own if not place.heard and now - place.since >= _ANSWERS_WITHIN]
        return gone[0] if gone else _silent(own, now)

    def _dispensable(self, source: str, now: float, *, known: bool) -> Peer | None:
        unheard = [(peer, place) for peer, place in self._places.items() if not place.heard]
        for peer, place in unheard:  # the oldest first
            if not place.known or known:
                return peer
        return _silent(list(self._places.items()), now) or self._unfair(source)

    def _unfair(self, source: str) -> Peer | None:
        """The most silent of the address that has most, if that is more than ``source`` would have."""
        most, count = self._counts.most_common(1)[0]
        if count <= self._counts[source] + 1:
            return None
        own = [(peer, place) for peer, place in self._places.items() if peer[0] == most]
        return min(own, key=lambda one: one[1].since)[0]


def _silent(places: list[tuple[Peer, Place]], now: float) -> Peer | None:
    peer, place = min(places, key=lambda one: one[1].since, default=(None, None))
    return peer if place is not None and now - place.since >= _SILENT else None


class Line(Generic[T]):
    """Who waits for a place, in order: at most ``longest``, and ``per_source`` of one address.

    A client that asks again keeps its turn; one that does not, for ``patience`` seconds, has given up.
    """

    def __init__(self, longest: int = 512, per_source: int = 128, patience: float = 20.0) -> None:
        self._longest = longest
        self._per_source = per_source
        self._patience = patience
        self._waiting: OrderedDict[Peer, tuple[T, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, peer: Peer, what: T, now: float) -> bool:
        """Wait with ``what``, in place of what ``peer`` wanted before. False if there is no room."""
        if peer not in self._waiting:
            same = sum(waiting[0] == peer[0] for waiting in self._waiting)
            if len(self._waiting) >= self._longest or same >= self._per_source:
                return False
        self._waiting[peer] = (what, now)
        return True

    def all(self, now: float) -> list[tuple[Peer, T]]:
        """Who waits, in order; those that have given up are forgotten."""
        for peer in [peer for peer, (_, asked) in self._waiting.items() if now - asked > self._patience]:
            del self._waiting[peer]
        return [(peer, what) for peer, (what, _) in self._waiting.items()]

    def leave(self, peer: Peer) -> None:
        """Wait no longer; nothing if ``peer`` does not wait."""
        self._waiting.pop(peer, None)
