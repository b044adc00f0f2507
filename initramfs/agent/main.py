"""The agent's story from first contact to the end: who am I, what should I be, make it so, say how it went.

Joins the conversation (``session``) with what each action does (``actions``), and holds no decisions of its
own. Runs as an ordinary process; what is special about being started by the kernel is in ``boot``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from initramfs.agent import __version__, cmdline
from initramfs.agent.actions import plan
from initramfs.agent.boot.ending import ExitStatus
from initramfs.agent.fetch import Appliance, Clock
from initramfs.agent.inventory import read_inventory
from initramfs.agent.job_lines import failure
from initramfs.agent.session import Session, Write
from initramfs.errors import ExplainedError
from initramfs.messages import (
    After,
    Job,
    decode,
)

ENDINGS = {
    After.REBOOT: ExitStatus.REBOOT,
    After.POWEROFF: ExitStatus.POWEROFF,
    After.SHELL: ExitStatus.SHELL,
}
"""What comes after a job that has succeeded."""


def work(line: cmdline.CommandLine, write: Write) -> ExitStatus:
    """Everything between a working network and the end. Raises ExplainedError if no result can be told."""
    clock = Clock(time.monotonic, time.sleep)
    session = Session(Appliance(line.server, clock, write), read_inventory(), plan, write)
    assignment = session.contact(line)
    write(f"clonesys agent {__version__}: this is {assignment.host}")
    if assignment.job is None:
        write("nothing to do; starting the installed system")
        return ExitStatus.REBOOT
    result = session.run(assignment)
    if not result.ok:
        for text in failure(result.error, result.hint):
            write(text)
        return ExitStatus.FAILED
    return ENDINGS[assignment.job.after]


def dry_run(job: Path, write: Write) -> ExitStatus:
    """Print what the job in the JSON file ``job`` would do on this machine. Touches nothing."""
    for text in plan(decode(Job, job.read_bytes()), read_inventory()).lines():
        write(text)
    return ExitStatus.REBOOT


def main(argv: Sequence[str] = ()) -> int:
    """The command: without arguments, what the kernel's command line asks. Returns an :class:`ExitStatus`."""
    parser = argparse.ArgumentParser(prog="clonesys-agent", description=__doc__)
    parser.add_argument("--dry-run", metavar="JOB.json", type=Path, help="print the plan for a job and stop")
    options = parser.parse_args(argv)
    try:
        if options.dry_run:
            return dry_run(options.dry_run, _print)
        return work(cmdline.parse(Path("/proc/cmdline").read_text()), _print)
    except ExplainedError as error:
        for text in failure(error.message, error.hint):
            _print(text)
        return ExitStatus.FAILED


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the console is what this program writes to


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
