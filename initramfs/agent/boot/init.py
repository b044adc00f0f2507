"""PID 1: start everything else in a child, reap what dies, end the machine as the child asks.

It does nothing that could fail, because the kernel panics when it dies.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from types import FrameType

from initramfs.agent.boot import console, kernel, mounts, rescue
from initramfs.agent.boot.outcome import Outcome

SIGNALS = {
    signal.SIGTERM: kernel.Power.REBOOT,
    signal.SIGUSR1: kernel.Power.POWEROFF,
    signal.SIGUSR2: kernel.Power.POWEROFF,
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
    outcome = Outcome(status) if status in set(Outcome) else Outcome.FAILED
    _finish(outcome, status, screen)


def _end(power: kernel.Power, _number: int, _frame: FrameType | None) -> None:
    kernel.end(power)


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


def _finish(outcome: Outcome, status: int, screen: console.Console) -> None:
    if outcome is Outcome.REBOOT:
        screen.say("rebooting")
        kernel.end(kernel.Power.REBOOT)
    if outcome is Outcome.POWEROFF:
        screen.say("switching off")
        kernel.end(kernel.Power.POWEROFF)
    if outcome is Outcome.FAILED:
        screen.say(f"the agent failed with status {status}; the reason is above")
    rescue.serve(console.find())
    screen.say("no console takes input; this machine stays as it is until somebody comes")
    while True:
        signal.pause()
