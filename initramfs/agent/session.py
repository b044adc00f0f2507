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
from initramfs.agent.errors import ServerError
from initramfs.agent.fetch import Appliance
from initramfs.agent.job_lines import JobLines
from initramfs.agent.pipeline import Context, Plan, execute
from initramfs.agent.report import Outbox, Reporter, ending, going_on
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

CONTACT = "/api/v1/agent/contact"

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
    _taken: Assignment | None = None

    def contact(self, line: cmdline.CommandLine) -> Assignment:
        """Say hello and learn what to do. Uses up the nonce; only a signed answer counts."""
        challenge = secrets.token_hex(16)
        public = trust.public_half(self.own_key)
        message = Contact(line.nonce, challenge, __version__, line.mac, self.inventory, public, PROTOCOL)

        def ask() -> Assignment:
            answer = decode(Signed, self.appliance.contact(CONTACT, line.nonce, encode(message)))
            return trust.open_assignment(answer, trust.load_key(self.key), challenge, public)

        assignment = ask()
        self._taken = assignment
        self.appliance.token = assignment.token
        self.appliance.renew = lambda: self._renew(ask)
        if assignment.now is not None:
            self.now = going_on(assignment.now)
        return assignment

    def _renew(self, ask: Callable[[], Assignment]) -> None:
        """Repeat the contact: the appliance has lost the token. Raises ServerError if it has lost the job."""
        self.write("the appliance does not know us any more; saying hello again")
        again, before = ask(), self._taken
        if again.job is None or before is None or before.job is None or again.job.id != before.job.id:
            raise ServerError(
                "the appliance does not know our job any more",
                "look at 'clonesys job list' there; start this machine from the network again",
            )
        self._taken = again
        self.appliance.token = again.token

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
        self._tell(assignment, job, result)
        return result

    def _tell(self, assignment: Assignment, job: Job, result: Result) -> None:
        """Sign and send the result; once more if the attempt got another number under way."""
        for _ in range(2):
            taken = self._taken or assignment
            signed = trust.sign(Statement(taken.host, job.id, taken.attempt, result), self.own_key)
            try:
                self.appliance.post(f"/api/v1/agent/jobs/{job.id}/result", encode(signed))
            except ServerError:
                if (self._taken or assignment) == taken:
                    raise
            else:
                return

    def _attempt(self, job: Job, reporter: Reporter, told: Callable[[], None]) -> Result:
        context = Context(self.appliance, trust.load_key(self.key), wait_until_told=told)
        try:
            execute(self.plan(job, self.inventory).steps, context, reporter)
        except ExplainedError as error:
            return Result(ok=False, error=ending(error.message), hint=ending(error.hint))
        except Exception as error:  # noqa: BLE001 - a bug must reach the job
            return Result(
                ok=False,
                error=ending(f"{type(error).__name__}: {error}"),
                hint="this is a bug of the agent",
            )
        receipt = replace(context.receipt, seconds=reporter.seconds) if context.receipt else None
        return Result(ok=True, receipt=receipt)

    def _send(self, job: Job, reports: Reports) -> None:
        self.appliance.post(f"/api/v1/agent/jobs/{job.id}/reports", encode(reports))
