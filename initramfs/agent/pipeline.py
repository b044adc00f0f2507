"""The only loop of the agent: one step after the other, until all are done or one has failed.

Knows what a plan and a step are, not what any step does, and nothing of the engine. What is going on (as
opposed to what was asked) is in :class:`Context`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from initramfs.agent.disks import describe
from initramfs.agent.fetch import Appliance
from initramfs.agent.report import Reporter, StepProgress
from initramfs.messages import Disk, Receipt

T = TypeVar("T")


@dataclass(slots=True)
class Context:
    """What is going on in one job.

    ``key`` is the appliance's, ``random`` makes new identifiers, ``receipt`` is what has been proved so far.
    ``cleanup`` closes what steps have opened, when the job ends either way. ``wait_until_told`` returns when
    the appliance has taken all that was reported, and raises AgentError if it never will.
    """

    appliance: Appliance
    key: Ed25519PublicKey
    receipt: Receipt | None = None
    random: Callable[[int], bytes] = secrets.token_bytes
    wait_until_told: Callable[[], None] = lambda: None
    cleanup: ExitStack = field(default_factory=ExitStack)
    _left: dict[type, object] = field(default_factory=dict)
    _shown: Callable[[int, int], None] | None = None

    def leave(self, thing: object) -> None:
        """Leave something for later steps, which find it by its type."""
        self._left[type(thing)] = thing

    def find(self, kind: type[T]) -> T:
        """What an earlier step has left."""
        if kind not in self._left:
            raise AssertionError(f"the plan has no earlier step that leaves a {kind.__name__}")
        return cast(T, self._left[kind])

    def progress(self, _phase: str, done: int, total: int) -> None:
        """What the engine tells; goes to the step that is running."""
        if self._shown is not None:
            self._shown(done, total)

    @contextmanager
    def shown_by(self, progress: StepProgress) -> Iterator[None]:
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
        """A sentence with the names of this job, shown on the console and in the web page."""
        ...

    def run(self, context: Context, progress: StepProgress) -> None:
        """Do it. Raises AgentError; whatever it raises ends the job."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done: to which disk (None: to none), in which steps."""

    disk: Disk | None = None
    steps: tuple[Step, ...] = ()

    def lines(self) -> Iterator[str]:
        """The plan as ``--dry-run`` prints it."""
        yield f"disk: {describe(self.disk)}" if self.disk else "disk: none is touched"
        for number, step in enumerate(self.steps, 1):
            yield f"{number}. {step.title}"


def execute(steps: Sequence[Step], context: Context, reporter: Reporter) -> None:
    """Announce all steps, then run them in order. The first failure is reported once and raised."""
    for step in steps:
        reporter.planned(step.name, step.title)
    with context.cleanup:
        for step in steps:
            with reporter.step(step.name, step.title) as progress:
                step.run(context, progress)
