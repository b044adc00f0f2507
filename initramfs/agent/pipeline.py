"""The only loop of the agent: one step after the other, until all are done or one has failed.

Knows what a step is, not what any of them does. What is going on (as opposed
to what was asked) is in :class:`Context`, which steps fill for those after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from initramfs.agent.disk.restore import Restore
    from initramfs.agent.fetch import Appliance
    from initramfs.agent.report import Progress, Reporter
    from initramfs.agent.wire import Receipt


@dataclass(slots=True)
class Context:
    """What is going on in one job. ``restore`` exists once the images were checked."""

    appliance: Appliance
    key: Ed25519PublicKey
    restore: Restore | None = None
    receipt: Receipt | None = None

    def running_restore(self) -> Restore:
        """The restore that an earlier step prepared; a plan without that step is a bug of the plan."""
        if self.restore is None:
            raise AssertionError("the plan has no step that checks the images first")
        return self.restore


class Step(Protocol):
    """One thing to do. Its values are known when it is planned; ``run`` may be repeated safely."""

    @property
    def name(self) -> str:
        """Short and stable: ``write``."""
        ...

    @property
    def title(self) -> str:
        """For people, with the names of this job: shown on the console and in the web page."""
        ...

    def run(self, context: Context, progress: Progress) -> None:
        """Do it. Raises AgentError or an error of the engine; whatever it raises ends the job."""
        ...


def execute(steps: Sequence[Step], context: Context, reporter: Reporter) -> None:
    """Announce all steps, then run them in order. The first failure is reported once and raised."""
    for step in steps:
        reporter.planned(step.name, step.title)
    for step in steps:
        with reporter.step(step.name, step.title) as progress:
            step.run(context, progress)
