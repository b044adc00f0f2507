"""Agreeing on the command line to end jobs that machines have begun, and what was left when it is done."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from provisioner.cli.asking import ask
from provisioner.cli.output import harmless

if TYPE_CHECKING:
    from provisioner.commands.agreement import Agree
    from provisioner.jobs.unfinished import Unfinished


def agreeing(*, yes: bool, what: str) -> Agree:
    """Asks on a terminal whether to do ``what`` although machines are at work; refuses elsewhere."""
    # Loaded here, with the database: the help page loads this module too.
    from provisioner.commands.agreement import consent, refuse  # noqa: PLC0415 - see above

    def agree(jobs: tuple[Unfinished, ...]) -> None:
        if yes or not sys.stdin.isatty():
            (consent if yes else refuse)(jobs)
            return
        for job in jobs:
            sys.stderr.write(f"{harmless(str(job))}\n")
        ask(f"{what} nevertheless? The machine stops at its next report, and its disk stays as it is then.")

    return agree


def left(jobs: Iterable[Unfinished | None]) -> None:
    """Warn of disks that are neither what they were nor what they should be."""
    for job in jobs:
        if job is not None and job.harmed:
            sys.stderr.write(f"warning: {harmless(f'{job.host}: {job.disk} ({job.hint})')}\n")
