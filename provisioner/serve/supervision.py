"""Who looks after the processes of an appliance: every decision, and no process.

Pure: what happened and when comes in, what to do comes out. Four promises: one
part that dies is started again while the others go on; so is one that lives and
does nothing any more; a part that cannot even start the first time ends everything
with a reason; stopping takes a bounded time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

FIRST_DELAY = 0.5
"""Seconds before the first restart; doubled with every further death in a row."""
LONGEST_DELAY = 30.0
STEADY = 60.0
"""Seconds a part must have lived for its earlier deaths to be forgotten."""
START_PATIENCE = 60.0
"""Seconds a part may take until it is ready the first time; a busy small machine needs ten."""
SILENCE = 45.0
"""Seconds without a sign of life after which a part counts as stuck. Each gives one every few seconds."""
LATE = 5.0
"""Seconds that a look is too late if we were stopped, or frozen with all parts: no silence of theirs."""
STOP_PATIENCE = 4.0
"""Seconds between asking a part to end and killing it: the whole appliance ends within five."""


@dataclass(frozen=True, slots=True)
class Start:
    """Start a part's process."""

    part: str


@dataclass(frozen=True, slots=True)
class Terminate:
    """Ask a part's process to end (SIGTERM)."""

    part: str


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill everything a part has started (SIGKILL to its process group)."""

    part: str


@dataclass(frozen=True, slots=True)
class Announce:
    """Say that all parts are ready; comes once."""


@dataclass(frozen=True, slots=True)
class Say:
    """A line for the log."""

    line: str


@dataclass(frozen=True, slots=True)
class Finish:
    """All processes are gone: end. ``failure`` is empty after an orderly stop."""

    failure: str = ""


Action = Start | Terminate | Kill | Announce | Say | Finish


class Phase(Enum):
    """Where the appliance as a whole is."""

    STARTING = "starting"
    SERVING = "serving"
    STOPPING = "stopping"


@dataclass(slots=True)
class _Part:
    alive: bool = False
    ready: bool = False
    born: float = 0.0
    deaths: int = 0
    due: float | None = None  # when it is started again
    stuck_at: float | None = None  # when it counts as stuck, if nothing is heard of it until then


@dataclass(slots=True)
class Supervision:
    """The state of all parts. Every method takes the time in seconds and returns what to do, in order."""

    names: tuple[str, ...]
    phase: Phase = Phase.STARTING
    _parts: dict[str, _Part] = field(default_factory=dict)
    _began: float = 0.0
    _kill_at: float | None = None
    _failure: str = ""

    def start(self, now: float) -> list[Action]:
        """Begin."""
        self._began = now
        self._parts = {name: _Part(alive=True, born=now) for name in self.names}
        return [Start(name) for name in self.names]

    def ready(self, name: str, now: float) -> list[Action]:
        """A part has bound what it needs and serves."""
        self._parts[name].ready, self._parts[name].stuck_at = True, None
        if self.phase is Phase.STARTING and all(part.ready for part in self._parts.values()):
            self.phase = Phase.SERVING
            return [Announce()]
        if self.phase is Phase.SERVING:
            return [Say(f"{name} serves again, {now - self._parts[name].born:.1f} s after its start")]
        return []

    def alive(self, name: str, now: float) -> None:
        """A part has given a sign of life: what it is there for still goes on in it."""
        self._parts[name].stuck_at = now + SILENCE

    def died(self, name: str, how: str, now: float) -> list[Action]:
        """A part's process has ended; ``how`` says with what (``signal 9``)."""
        part = self._parts[name]
        part.alive, part.ready, part.stuck_at = False, False, None
        # Whatever it had started (HTTP workers) would keep its ports.
        sweep: list[Action] = [Kill(name)]
        match self.phase:
            case Phase.STARTING:
                return sweep + self._stop(f"{name} could not start: it ended with {how}", now)
            case Phase.SERVING:
                return sweep + self._schedule(name, how, now)
            case Phase.STOPPING:
                return sweep + self._finished()

    def stop(self, now: float) -> list[Action]:
        """End everything. A second wish changes nothing."""
        return [] if self.phase is Phase.STOPPING else self._stop("", now)

    def tick(self, now: float) -> list[Action]:
        """Time has passed: what is due."""
        if self.phase is Phase.STOPPING:
            return self._kill_late(now)
        if self.phase is Phase.STARTING and now >= self._began + START_PATIENCE:
            late = ", ".join(name for name, part in self._parts.items() if not part.ready)
            return self._stop(f"{late} was not ready within {START_PATIENCE:.0f} s", now)
        actions: list[Action] = []
        for name, part in self._parts.items():
            if part.due is not None and now >= part.due:
                part.alive, part.born, part.due, part.stuck_at = True, now, None, now + START_PATIENCE
                actions.append(Start(name))
            elif part.stuck_at is not None and now >= part.stuck_at + LATE:
                part.stuck_at = now + SILENCE
            elif part.stuck_at is not None and now >= part.stuck_at:
                what = "does not answer any more" if part.ready else "does not become ready"
                part.stuck_at = None
                actions += [Say(f"{name} {what}; killing it"), Kill(name)]
        return actions

    def wake(self) -> float | None:
        """When :meth:`tick` has something to do next; None if only an event can change anything."""
        if self.phase is Phase.STOPPING:
            return self._kill_at
        if self.phase is Phase.STARTING:
            return self._began + START_PATIENCE
        times = (time for part in self._parts.values() for time in (part.due, part.stuck_at))
        return min((time for time in times if time is not None), default=None)

    def _schedule(self, name: str, how: str, now: float) -> list[Action]:
        part = self._parts[name]
        part.deaths = 1 if now - part.born >= STEADY else part.deaths + 1
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(part.deaths - 1, 16))
        part.due = now + delay
        return [Say(f"{name} ended with {how}; starting it again in {delay:.1f} s")]

    def _stop(self, failure: str, now: float) -> list[Action]:
        self.phase, self._failure, self._kill_at = Phase.STOPPING, failure, now + STOP_PATIENCE
        asked: list[Action] = [Terminate(name) for name, part in self._parts.items() if part.alive]
        return asked or self._finished()

    def _kill_late(self, now: float) -> list[Action]:
        if self._kill_at is None or now < self._kill_at:
            return []
        self._kill_at = None
        late = [name for name, part in self._parts.items() if part.alive]
        return [action for name in late for action in (Say(f"{name} does not end; killing it"), Kill(name))]

    def _finished(self) -> list[Action]:
        if any(part.alive for part in self._parts.values()):
            return []
        return [Finish(self._failure)]
