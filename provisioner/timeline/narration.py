"""The timeline and the audit log as lines of a log: one line an event, and noise told once. Pure.

Machines repeat themselves: a ROM asks four times, an unknown one all day. The same event of the same machine
is told again after a while, with how often it came meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from provisioner.timeline.audit import AuditEntry
from provisioner.timeline.events import EventView

NOISE = frozenset({"tftp-probe"})
"""Normal steps of loaders, that tell a person nothing."""
QUIET = 600.0
"""Seconds in which a repeated event is only counted."""
MEMORY = 10_000
"""Repetitions that are remembered; a machine that invents MACs must not fill the memory."""


@dataclass(slots=True)
class _Told:
    at: float
    since: int = 0


@dataclass(slots=True)
class Narration:
    """What was told, and when."""

    _told: dict[tuple[str, str, str], _Told] = field(default_factory=dict)

    def event(self, event: EventView, name: str = "") -> str | None:
        """The line for an event of the host ``name``, or None if there is nothing new in it."""
        if event.kind in NOISE:
            return None
        key = (event.kind, event.mac or event.address, event.detail)
        known = self._told.get(key)
        if known is not None and event.at - known.at < QUIET:
            known.since += 1
            return None
        if len(self._told) >= MEMORY:
            self._told.clear()
        self._told[key] = _Told(event.at)
        again = f" ({known.since} more times since)" if known is not None and known.since else ""
        who = f"{name} {event.mac}".strip()
        words = (f"{event.kind:<11}", who, event.address, event.detail)
        return " ".join(word for word in words if word) + again


def change(entry: AuditEntry) -> str:
    """The line for a change that a person made."""
    return f"{entry.who}: {entry.what} {entry.detail}".rstrip()
