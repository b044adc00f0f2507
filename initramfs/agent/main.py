"""The agent's story from first contact to the end: who am I, what should I be, make it so, say how it went.

Joins the parts and holds no decisions of its own. Runs as an ordinary process;
what is special about being started by the kernel is in ``boot``.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from initramfs.agent import __version__, cmdline, host_key
from initramfs.agent.boot.outcome import Outcome
from initramfs.agent.console import Console, failure
from initramfs.agent.fetch import Appliance, Clock
from initramfs.agent.inventory import read_inventory
from initramfs.agent.pipeline import Context, execute
from initramfs.agent.plan import plan
from initramfs.agent.report import Outbox, Reporter, going_on
from initramfs.agent.trust import KEY_FILE, load_key, open_assignment
from initramfs.errors import ExplainedError
from initramfs.messages import (
    After,
    Assignment,
    Contact,
    Inventory,
    Job,
    Reports,
    Result,
    Signed,
    Statement,
    decode,
    encode,
)

Write = Callable[[str], None]


ENDINGS = {After.REBOOT: Outcome.REBOOT, After.POWEROFF: Outcome.POWEROFF, After.SHELL: Outcome.SHELL}


@dataclass(slots=True)
class Session:
    """One machine talking to one appliance, whose public key is in the file ``key``.

    ``own_key`` is the machine's: who knows it made this session's contact. ``now`` is the time of day: the
    appliance's, as soon as it has told it.
    """

    appliance: Appliance
    inventory: Inventory
    write: Write
    key: Path = KEY_FILE
    own_key: Ed25519PrivateKey = field(default_factory=lambda: host_key.make_key(os.urandom), repr=False)
    now: Callable[[], float] = time.time

    def contact(self, line: cmdline.CommandLine) -> Assignment:
        """Say hello and learn what to do. Uses up the nonce; only a signed answer counts."""
        challenge = secrets.token_hex(16)
        public = host_key.public_half(self.own_key)
        message = Contact(line.nonce, challenge, __version__, line.mac, self.inventory, public)
        answer = decode(Signed, self.appliance.post("/api/v1/agent/contact", encode(message)))
        assignment = open_assignment(answer, load_key(self.key), challenge, public)
        self.appliance.token = assignment.token
        if assignment.now is not None:
            self.now = going_on(assignment.now)
        return assignment

    def run(self, assignment: Assignment) -> Result:
        """Do its job, reporting all along. Raises an error only if the appliance will not hear of it."""
        job = assignment.job
        if job is None:
            raise AssertionError("an assignment without a job was to be run")
        outbox = Outbox(lambda reports: self._send(job, reports))
        reporter = Reporter((Console(self.write), outbox.put), now=self.now, clock=self.appliance.clock.now)
        try:
            result = self._attempt(job, reporter)
        finally:
            outbox.close()
        statement = Statement(assignment.host, job.id, assignment.attempt, result)
        signed = host_key.sign(statement, self.own_key)
        self.appliance.post(f"/api/v1/agent/jobs/{job.id}/result", encode(signed))
        return result

    def _attempt(self, job: Job, reporter: Reporter) -> Result:
        context = Context(self.appliance, load_key(self.key))
        try:
            execute(plan(job, self.inventory).steps, context, reporter)
        except ExplainedError as error:
            return Result(ok=False, error=error.message, hint=error.hint)
        except Exception as error:  # noqa: BLE001 - a bug must reach the job
            return Result(
                ok=False, error=f"{type(error).__name__}: {error}", hint="this is a bug of the agent"
            )
        receipt = replace(context.receipt, seconds=reporter.seconds) if context.receipt else None
        return Result(ok=True, receipt=receipt)

    def _send(self, job: Job, reports: Reports) -> None:
        self.appliance.post(f"/api/v1/agent/jobs/{job.id}/reports", encode(reports))


def work(line: cmdline.CommandLine, write: Write) -> Outcome:
    """Everything between a working network and the end. Raises ExplainedError if no result can be told."""
    clock = Clock(time.monotonic, time.sleep)
    session = Session(Appliance(line.server, clock, write), read_inventory(), write)
    assignment = session.contact(line)
    write(f"clonesys agent {__version__}: this is {assignment.host}")
    if assignment.job is None:
        write("nothing to do; starting the installed system")
        return Outcome.REBOOT
    result = session.run(assignment)
    if not result.ok:
        for text in failure(result.error, result.hint):
            write(text)
        return Outcome.FAILED
    return ENDINGS[assignment.job.after]


def dry_run(job: Path, write: Write) -> Outcome:
    """Print what the job in the JSON file ``job`` would do on this machine. Touches nothing."""
    for text in plan(decode(Job, job.read_bytes()), read_inventory()).lines():
        write(text)
    return Outcome.REBOOT


def main(argv: Sequence[str] = ()) -> int:
    """The command: without arguments, what the kernel's command line asks. Returns an :class:`Outcome`."""
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
        return Outcome.FAILED


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the console is what this program writes to


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
