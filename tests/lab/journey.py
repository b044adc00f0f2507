"""One machine's way from power-on to its own system, as told by three witnesses.

The appliance's timeline (offer, loader), its job (agent, images written, verified), and the machine's own
serial line (login). Times are seconds since power-on.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.lab.waiting import Deadline, TooLateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.appliance import Appliance
    from tests.lab.machines.machine import Machine

STATIONS = ("power_on", "offer", "loader", "agent", "images_written", "verified", "login")
TIMELINE = {"offer": "offer", "tftp-start": "loader"}
"""Kinds of events in the appliance's timeline, and the station each shows."""
STEPS = {"write": "images_written", "verify": "verified"}
"""Steps of the job, and the station that the end of each is."""
PROMPT = r"(?m)^([\w.-]+) login:"
TICK = 0.5


class JourneyError(Exception):
    """The machine will not arrive; the text says why."""


@dataclass
class Journey:
    """What is known of one machine's way."""

    machine: Machine
    events: dict[str, float] = field(default_factory=lambda: {"power_on": 0.0})
    job: dict[str, Any] = field(default_factory=dict)
    phoned_home_as: str = ""
    hostname_seen: str = ""
    error: str = ""

    @property
    def arrived(self) -> bool:
        """Whether nothing is left to wait for."""
        return bool(self.hostname_seen and self.phoned_home_as)

    @property
    def ok(self) -> bool:
        """Whether the machine is what it should be, proved from outside and inside."""
        total, verified = self.chunks
        named = self.hostname_seen == self.phoned_home_as == self.machine.name
        return not self.error and named and total == verified > 0 and self.job.get("state") == "succeeded"

    @property
    def chunks(self) -> tuple[int, int]:
        """How many chunks the disk has, and how many were read back and matched."""
        receipt = self.job.get("receipt") or {}
        return receipt.get("chunks_total", 0), receipt.get("chunks_verified", 0)

    @property
    def step(self) -> dict[str, Any]:
        """The step that the job is at, or else the last that has begun; empty before there is one."""
        begun = [step for step in self.job.get("steps", ()) if step["state"] != "planned"]
        busy = [step for step in begun if step["state"] in {"started", "progress"}]
        return next(iter([*busy, *reversed(begun)]), {})

    def observe(self, appliance: Appliance) -> None:
        """Ask all witnesses once. Raises JourneyError if the machine cannot arrive any more."""
        self._read_timeline(appliance)
        self._read_host(appliance)
        if prompt := self.machine.console.find(PROMPT):
            self.hostname_seen = prompt.match[1]
            self._pass("login", prompt.at)
        if self.job.get("state") in {"failed", "cancelled", "interrupted"}:
            raise JourneyError(f"job {self.job['id']} {self.job['state']}: {self.job['error']}")
        if not self.machine.running:
            raise JourneyError("the machine is off")

    def report(self) -> dict[str, Any]:
        """The machine's part of ``report.json``."""
        total, verified = self.chunks
        machine = self.machine
        about = {"name": machine.name, "firmware": str(machine.firmware), "mac": machine.mac}
        proof = {"hostname_seen": self.hostname_seen, "chunks_total": total, "chunks_verified": verified}
        events = {name: round(self.events[name], 2) for name in STATIONS if name in self.events}
        return {**about, **proof, "events": events, **({"error": self.error} if self.error else {})}

    def _read_timeline(self, appliance: Appliance) -> None:
        for event in appliance.get(f"events?mac={self.machine.mac}"):
            station = TIMELINE.get(event["kind"])
            if station and event["at"] >= self.machine.powered_on:
                self._pass(station, event["at"])

    def _read_host(self, appliance: Appliance) -> None:
        host = appliance.get(f"hosts/{self.machine.name}")
        self.phoned_home_as = host["phoned_home_as"]
        self.job = host["job"] or {}
        if self.job.get("started"):
            self._pass("agent", self.job["started"])
        for step in self.job.get("steps", ()):
            if step["name"] in STEPS and step["state"] == "finished":
                self._pass(STEPS[step["name"]], step["ended"])

    def _pass(self, station: str, at: float) -> None:
        self.events.setdefault(station, at - self.machine.powered_on)


def follow(journey: Journey, appliance: Appliance, deadline: Deadline) -> Iterator[Journey]:
    """Observe until the machine has arrived, giving the journey again and again for showing it.

    Raises JourneyError when it cannot arrive any more, TooLateError when time is up. A silent appliance is no
    reason: it may be restarting.
    """
    while True:
        with suppress(OSError):
            journey.observe(appliance)
        yield journey
        if journey.arrived:
            return
        if deadline.over:
            last = "\n".join(journey.machine.console.text.splitlines()[-15:])
            raise TooLateError(f"{journey.machine.name}: time is up; its console ends with:\n{last}")
        time.sleep(TICK)
