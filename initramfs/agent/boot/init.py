"""PID 1: start everything else in a child, reap what dies, end the machine as the child asks.

It does nothing that could fail, because the kernel panics when it dies.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from types import FrameType

from initramfs.agent.boot import console, mounts, shells
from initramfs.agent.boot.ending import ExitStatus, Power, end

SIGNALS = {
    signal.SIGTERM: Power.REBOOT,
    signal.SIGUSR1: Power.POWEROFF,
    signal.SIGUSR2: Power.POWEROFF,
}
"""How busybox's ``reboot``, ``halt`` and ``poweroff`` talk to PID 1."""

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin", "HOME": "/root", "TERM": "linux", "LC_ALL": "C.UTF-8"}


def main() -> None:
    """Never returns."""
    os.environ.update(ENVIRONMENT)
    os.umask(0o022)
    mounts.mount_all()
    screen = console.Console(console.find())
    screen.say("hello")
    for number, power in SIGNALS.items():
        signal.signal(number, partial(_end, power))
    status = reap_until(_start_child())
    _finish(status, screen)


def _end(power: Power, _number: int, _frame: FrameType | None) -> None:
    end(power)


def reap_until(child: int) -> int:
    """Reap every process that ends, until ``child`` does; its exit status (negative: a signal's number)."""
    while True:
        process, status = os.wait()
        if process == child:
            return os.waitstatus_to_exitcode(status)


def _start_child() -> int:
    child = os.fork()
    if child == 0:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        from initramfs.agent.boot import start  # noqa: PLC0415 - PID 1 itself needs none of what it imports

        sys.exit(start.main())
    return child


def _finish(status: int, screen: console.Console) -> None:
    """Never returns."""
    match status:
        case ExitStatus.REBOOT:
            screen.say("rebooting")
            end(Power.REBOOT)
        case ExitStatus.POWEROFF:
            screen.say("switching off")
            end(Power.POWEROFF)
        case ExitStatus.SHELL:
            screen.say("the job is done; a shell is offered on every console")
        case _:
            screen.say(f"the agent failed with status {status}; the reason is above")
    shells.serve(console.find())
    screen.say("no console takes input; this machine stays as it is")
    while True:
        signal.pause()
