"""What the demo shows while it runs: a line per machine, and the timeline at the end. Only looks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.progress_bar import ProgressBar
from rich.table import Table

from tests.lab.journey import STATIONS
from tests.lab.machines.machine import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.lab.journey import Journey

MIB = 1 << 20
MEANINGS = {
    "offer": "proxyDHCP offer",
    "loader": "first file by TFTP",
    "agent": "agent's first contact",
    "images_written": "images written",
    "verified": "every chunk read back",
    "login": "login prompt of its own system",
}


def live_table(journeys: Iterable[Journey]) -> Table:
    """All machines as they are now."""
    table = Table(box=None, pad_edge=False)
    for column in ("machine", "firmware", "time", "stage", "", "rate", "ETA"):
        table.add_column(column, justify="right" if column in {"time", "rate", "ETA"} else "left")
    for journey in journeys:
        machine, step = journey.machine, journey.step
        done, total = step.get("done", 0), step.get("total", 0)
        bar = ProgressBar(total=total, completed=done, width=30) if total else ""
        clock = journey.events.get("login", time.time() - machine.powered_on)
        table.add_row(
            machine.name, machine.firmware, f"{clock:.0f} s", stage(journey), bar, *pace(step, time.time())
        )
    return table


def stage(journey: Journey) -> str:
    """Where the machine is, in a few words."""
    if journey.error:
        return f"FAILED: {journey.error.splitlines()[0]}"
    if journey.hostname_seen:
        return f"{journey.hostname_seen} login:" + ("" if journey.arrived else " (phoning home)")
    if journey.job.get("state") == "succeeded":
        return "starting its own system"
    return str(journey.step["title"]) if journey.step else boot_stage(journey)


def boot_stage(journey: Journey) -> str:
    """The same before the job has begun."""
    if journey.machine.state >= State.AGENT:
        return "agent"
    if "loader" in journey.events:
        return "loading kernel and initramfs"
    return "proxyDHCP has answered" if "offer" in journey.events else "firmware"


def pace(step: dict[str, float], now: float) -> tuple[str, str]:
    """Rate so far and time left of a step that moves bytes; empty strings for others."""
    elapsed = now - (step.get("started") or now)
    done, total = step.get("done", 0), step.get("total", 0)
    if not (done and elapsed > 0 and done < total):
        return "", ""
    rate = done / elapsed
    return f"{rate / MIB:.1f} MiB/s", f"{(total - done) / rate:.0f} s"


def plain_line(journey: Journey) -> str:
    """The same where there is no terminal: the stage, and tenths of its progress."""
    done, total = journey.step.get("done", 0), journey.step.get("total", 0)
    busy = total and journey.job.get("state") == "running"
    tenths = f" {done * 10 // total * 10} %" if busy else ""
    return f"{journey.machine.name}: {stage(journey)}{tenths}"


def timeline(journeys: Iterable[Journey]) -> Table:
    """Seconds from power-on to each station."""
    found = list(journeys)
    table = Table("seconds since power-on", box=None, pad_edge=False)
    for journey in found:
        table.add_column(f"{journey.machine.name} ({journey.machine.firmware})", justify="right")
    for station in STATIONS[1:]:
        times = [journey.events.get(station) for journey in found]
        table.add_row(MEANINGS[station], *("-" if at is None else f"{at:.1f}" for at in times))
    proofs = ["{1} of {0}".format(*journey.chunks) for journey in found]
    table.add_row("chunks read back and matched", *proofs)
    return table
