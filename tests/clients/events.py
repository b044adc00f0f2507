"""A sink that keeps what happened, and can be waited on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netboot.events import Event, Kind


class ListSink:
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._news = threading.Condition()

    def emit(self, event: Event) -> None:
        """Keep one event."""
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def kinds(self) -> list[Kind]:
        """What happened, without the particulars."""
        return [event.kind for event in self.events]

    def wait_for(self, kind: Kind, within: float = 30.0) -> Event:
        """The first event of this kind. Raises TimeoutError if none comes."""
        with self._news:
            if not self._news.wait_for(lambda: kind in self.kinds(), within):
                raise TimeoutError(f"no {kind} among {self.kinds()}")
        return next(event for event in self.events if event.kind == kind)
