"""The agent's conversation with the appliance: say hello, run the job that comes back, sign how it went.

Knows the exchange, and no action: what a job means is given as a function that plans it.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from initramfs.agent import __version__, cmdline, trust
from initramfs.agent.fetch import Appliance
from initramfs.agent.job_lines import JobLines
from initramfs.agent.pipeline import Context, Plan, execute
from initramfs.agent.report import Outbox, Reporter, going_on
from initramfs.errors import ExplainedError
from initramfs.messages import (
    PROTOCOL,
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
Planner = Callable[[Job, Inventory], Plan]
"""The steps of a job on a machine. Raises PlanError."""


@dataclass(slots=True)
class Session:
    """One machine talking to one appliance, whose public key is in the file ``key``.

    ``own_key`` is the machine's: who knows it made this session's contact. ``now`` is the time of day: the
    appliance's, as soon as it has told it.
    """

    appliance: Appliance
    inventory: Inventory
    plan: Planner
    write: Write
    key: Path = trust.KEY_FILE
    own_key: Ed25519PrivateKey = field(default_factory=lambda: trust.make_key(os.urandom), repr=False)
    now: Callable[[], float] = time.time

    def contact(self, line: cmdline.CommandLine) -> Assignment:
        """Say hello and learn what to do. Uses up the nonce; only a signed answer counts."""
        challenge = secrets.token_hex(16)
        public = trust.public_half(self.own_key)
        message = Contact(line.nonce, challenge, __version__, line.mac, self.inventory, public, PROTOCOL)
        answer = decode(Signed, self.appliance.post("/api/v1/agent/contact", encode(message)))
        assignment = trust.open_assignment(answer, trust.load_key(self.key), challenge, public)
        self.appliance.token = assignment.token
        if assignment.now is not None:
            self.now = going_on(assignment.now)
        return assignment

    def run(self, assignment: Assignment) -> Result:
        """Do the job, reporting all along. Raises an error only if the appliance does not take the result."""
        job = assignment.job
        if job is None:
            raise AssertionError("an assignment without a job was to be run")
        outbox = Outbox(lambda reports: self._send(job, reports))
        reporter = Reporter((JobLines(self.write), outbox.put), now=self.now, clock=self.appliance.clock.now)
        try:
            result = self._attempt(job, reporter, outbox.drain)
        finally:
            outbox.close()
        statement = Statement(assignment.host, job.id, assignment.attempt, result)
        signed = trust.sign(statement, self.own_key)
        self.appliance.post(f"/api/v1/agent/jobs/{job.id}/result", encode(signed))
        return result

    def _attempt(self, job: Job, reporter: Reporter, told: Callable[[], None]) -> Result:
        context = Context(self.appliance, trust.load_key(self.key), wait_until_told=told)
        try:
            execute(self.plan(job, self.inventory).steps, context, reporter)
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
