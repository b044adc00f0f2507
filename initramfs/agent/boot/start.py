"""What happens between PID 1 and the agent, in order, with a line on the console for each part."""

from __future__ import annotations

import importlib
import socket
import sys
import threading
from contextlib import suppress

from initramfs.agent.boot import hardware, mounts, network
from initramfs.agent.boot.console import Console, explain, find
from initramfs.agent.boot.ending import ExitStatus
from initramfs.agent.cmdline import words

AGENT = "initramfs.agent.main"
SETTLE = 30.0
"""Seconds to wait, once the network is there, for devices that still appear."""


def main() -> int:
    """Bring the machine up and run the agent; its :class:`ExitStatus`. Errors are shown, none is raised."""
    screen = Console(find())
    sys.stdout = sys.stderr = screen
    try:
        return _run(screen)
    except BaseException as error:  # noqa: BLE001 - the last resort: PID 1 can show nothing but a number
        for line in explain(error):
            screen.say(line)
        return ExitStatus.FAILED


def _run(screen: Console) -> int:
    socket.sethostname("clonesys")
    with open("/proc/cmdline") as file:  # noqa: PTH123 - pathlib costs tenths of a second at this point
        given = words(file.read())
    drivers = hardware.Drivers()
    drivers.start()
    program = "initramfs.agent.boot.selftest" if "clonesys.selftest" in given else AGENT
    threading.Thread(target=_import_early, args=[program], daemon=True).start()
    screen.say("network: " + network.bring_up(given, screen.say))
    if mounts.mount_efi_variables():
        screen.say("EFI variables are there")
    if not drivers.wait(SETTLE):
        screen.say(f"devices still appear after {SETTLE:.0f} seconds; going on")
    screen.say(f"starting {program}")
    status: int = importlib.import_module(program).main()
    return status


def _import_early(program: str) -> None:
    """While the lease is waited for. What goes wrong here goes wrong again where it is shown."""
    with suppress(Exception):
        importlib.import_module(program)
