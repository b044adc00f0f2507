"""``make demo``: bare machines from power-on to their own system, with nobody typing anything.

Prepares the lab, powers the machines on, shows what happens, and proves the result. Leaves ``report.json``,
the serial logs and a packet capture in ``build/demo``. Exit status 0 only if every machine showed a login
prompt with its own name, phoned home, and had every chunk on its disk read back and matched.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from initramfs.builder.errors import BuildError
from initramfs.messages import Firmware
from tests.lab.appliance import ApplianceError
from tests.lab.cache import BUILD
from tests.lab.command import CommandError
from tests.lab.display import live_table, plain_line, timeline
from tests.lab.journey import Journey, JourneyError, follow
from tests.lab.lab import Lab, profile_name
from tests.lab.network import Place
from tests.lab.waiting import Deadline, TooLateError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.lab.machines.machine import Machine

FOLDER = BUILD / "demo"
PATIENCE = 600
"""Seconds from power-on after which a machine is given up."""

console = Console(highlight=False)


def main() -> int:
    """Run the demo; its exit status."""
    options = arguments()
    if os.geteuid() != 0:
        return complain("the demo makes network namespaces and tap devices", "run 'make demo' as root")
    try:
        return demonstrate(options)
    except (ApplianceError, CommandError, BuildError) as error:
        return complain(str(error), f"the logs are in {FOLDER}")


def demonstrate(options: argparse.Namespace) -> int:
    """Everything, from nothing to the report."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is put away
    shutil.rmtree(FOLDER, ignore_errors=True)
    began = time.monotonic()
    with Lab(FOLDER, lambda line: say(began, line)) as lab:
        journeys = [Journey(machine) for machine in machines(lab, options.firmware, options.machines)]
        run(lab, journeys, began)
        write_report(journeys)
        console.print(timeline(journeys))
        if options.keep:
            keep(lab)
    for journey in journeys:
        if not journey.ok:
            say(began, f"{journey.machine.name}: {journey.error or 'not proved to be what it should be'}")
    ok = all(journey.ok for journey in journeys)
    say(began, f"{'every machine is proved to be' if ok else 'NOT every machine is'} what it should be")
    say(began, f"see {FOLDER}: report.json, lan.pcap, and a serial.log per machine")
    return 0 if ok else 1


def arguments() -> argparse.Namespace:
    """The command line; an empty --firmware means both."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--firmware", choices=("", "both", *Firmware), default="", help="default: both")
    parser.add_argument("--machines", type=int, default=1, help="of each firmware")
    parser.add_argument("--keep", action="store_true", help="leave the lab running until Ctrl-C")
    options = parser.parse_args()
    if options.machines < 1:
        parser.error("--machines: at least one")
    options.firmware = [Firmware(options.firmware)] if options.firmware in set(Firmware) else list(Firmware)
    return options


def machines(lab: Lab, firmwares: Sequence[Firmware], count: int) -> list[Machine]:
    """Bare machines, each ordered to be installed at its next network boot."""
    found: list[Machine] = []
    for firmware in firmwares:
        lab.offer(firmware)
        for index in range(count):
            name = f"{firmware}-pc{index + 1}"
            found.append(lab.bare_machine(name, firmware, len(found) + 1))
            lab.order(found[-1], profile_name(firmware))
    return found


def run(lab: Lab, journeys: list[Journey], began: float) -> None:
    """Power all machines on and watch them until each has arrived or failed."""
    for journey in journeys:
        journey.machine.power_on()
        say(began, f"{journey.machine.name}: power on")
    watchers = [threading.Thread(target=watch, args=(journey, lab), daemon=True) for journey in journeys]
    for watcher in watchers:
        watcher.start()
    if console.is_terminal:
        show_live(journeys, watchers)
    else:
        show_lines(journeys, watchers, began)


def watch(journey: Journey, lab: Lab) -> None:
    """Follow one machine to its end; what went wrong becomes its error."""
    try:
        for _ in follow(journey, lab.appliance, Deadline.within(PATIENCE)):
            pass
    except (ApplianceError, JourneyError, TooLateError) as error:
        journey.error = str(error)


def show_live(journeys: list[Journey], watchers: list[threading.Thread]) -> None:
    """A table that is painted anew, until all watchers have ended."""
    with Live(live_table(journeys), console=console, auto_refresh=False) as live:
        while any(watcher.is_alive() for watcher in watchers):
            next(watcher for watcher in watchers if watcher.is_alive()).join(0.5)
            live.update(live_table(journeys), refresh=True)


def show_lines(journeys: list[Journey], watchers: list[threading.Thread], began: float) -> None:
    """A line whenever something has changed, until all watchers have ended."""
    shown: dict[str, str] = {}
    while any(watcher.is_alive() for watcher in watchers):
        next(watcher for watcher in watchers if watcher.is_alive()).join(0.5)
        for journey in journeys:
            line = plain_line(journey)
            if shown.get(journey.machine.name) != line:
                shown[journey.machine.name] = line
                say(began, line)


def write_report(journeys: list[Journey]) -> Path:
    """``report.json``, for programs."""
    report = {"ok": all(j.ok for j in journeys), "machines": [j.report() for j in journeys]}
    file = FOLDER / "report.json"
    file.write_text(json.dumps(report, indent=2) + "\n")
    return file


def keep(lab: Lab) -> None:
    """Leave everything running until somebody says stop, and say how to look around."""
    inside = f"ip netns exec {lab.lan.namespace(Place.APPLIANCE)}"
    console.print(
        f"\nThe lab is running. Look around from another terminal:\n"
        f"  .venv/bin/clonesys --home {lab.appliance.home} status\n"
        f"  .venv/bin/clonesys --home {lab.appliance.home} job show 1\n"
        f"  {inside} curl -u admin:{lab.appliance.password} http://127.0.0.1:8080/\n"
        f"  ip netns exec {lab.lan.namespace(Place.LAN)} tcpdump -n -i br0\n"
        f"  tail -f {lab.folder}/*/serial.log\n"
        f"Ctrl-C ends it.",
        soft_wrap=True,
    )
    with suppress(KeyboardInterrupt):
        signal.pause()


def complain(error: str, hint: str) -> int:
    """Say what prevents the demo, and what to do; an exit status."""
    sys.stderr.write(f"error: {error}\nhint: {hint}\n")
    return 1


def say(began: float, line: str) -> None:
    """One line of the story, with the minute and second of this run."""
    minutes, seconds = divmod(int(time.monotonic() - began), 60)
    console.print(f"[{minutes}:{seconds:02d}] {line}", soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(main())
