"""The only loop of the agent: one step after the other, until all are done or one has failed.

Knows what a step is, not what any of them does. What is going on (as opposed
to what was asked) is in :class:`Context`, which steps fill for those after them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from initramfs.agent.fetch import Appliance
from initramfs.agent.report import Progress, Reporter
from initramfs.imaging.format.header import Filesystem
from initramfs.imaging.label.model import PartitionNumber
from initramfs.imaging.restore.identifiers import Random, Renames
from initramfs.imaging.restore.restore import Restore
from initramfs.messages import Disk, PartitionImage, Receipt


@dataclass(slots=True)
class Context:
    """What is going on in one job. ``restore``, ``disk`` and ``laid`` are known once images were checked.

    ``laid`` are the images with their partitions' numbers, 0 for the disk's.
    ``filesystems`` (by partition) and ``renames`` say what the images bring, and which of its
    identifiers change; ``random`` makes the new ones.

    ``cleanup`` closes what steps have opened, when the job ends either way.
    """

    appliance: Appliance
    key: Ed25519PublicKey
    restore: Restore | None = None
    disk: Disk | None = None
    laid: tuple[PartitionImage, ...] = ()
    receipt: Receipt | None = None
    filesystems: Mapping[PartitionNumber, Filesystem] = field(default_factory=dict)
    renames: Renames | None = None
    random: Random = secrets.token_bytes
    cleanup: ExitStack = field(default_factory=ExitStack)
    _shown: Callable[[int, int], None] | None = None

    def running_restore(self) -> Restore:
        """The restore that an earlier step prepared; a plan without that step is a bug of the plan."""
        if self.restore is None:
            raise AssertionError("the plan has no step that checks the images first")
        return self.restore

    def running_disk(self) -> Disk:
        """The disk that an earlier step opened."""
        if self.disk is None:
            raise AssertionError("the plan has no step that checks the images first")
        return self.disk

    def progress(self, _phase: str, done: int, total: int) -> None:
        """What the engine tells; goes to the step that is running."""
        if self._shown is not None:
            self._shown(done, total)

    @contextmanager
    def shown_by(self, progress: Progress) -> Iterator[None]:
        """While the body runs, the engine's progress is this step's."""
        self._shown = progress
        try:
            yield
        finally:
            self._shown = None


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
        """Do it. Raises AgentError; whatever it raises ends the job."""
        ...


def execute(steps: Sequence[Step], context: Context, reporter: Reporter) -> None:
    """Announce all steps, then run them in order. The first failure is reported once and raised."""
    for step in steps:
        reporter.planned(step.name, step.title)
    with context.cleanup:
        for step in steps:
            with reporter.step(step.name, step.title) as progress:
                step.run(context, progress)
