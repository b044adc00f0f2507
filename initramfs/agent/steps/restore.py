"""The phases of a restore as steps, each with its own progress.

What they do is in ``imaging.restore``; here they get their names. The receipt for
them is made in ``steps.receipt``.
"""

from __future__ import annotations

from dataclasses import dataclass

from initramfs.agent.pipeline import Context
from initramfs.agent.report import Progress
from initramfs.agent.steps.receipt import receipt
from initramfs.messages import FIRST_WRITE

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Scan:
    """Find out what need be neither fetched nor written."""

    disk: str
    name: str = "scan"

    @property
    def title(self) -> str:
        """For people."""
        return f"Look at what {self.disk} holds already"

    def run(self, context: Context, progress: Progress) -> None:
        """Read and compare, where that pays."""
        restore = context.running_restore()
        if found := restore.last_failure():
            progress.log(f"the last restore to {self.disk} did not end: {found}")
        with context.shown_by(progress):
            restore.scan()
        progress.log(f"{restore.counts.bytes_skipped / MIB:.0f} MiB are right already")


@dataclass(frozen=True, slots=True)
class Prepare:
    """Make the disk unable to start until it is right."""

    disk: str
    name: str = FIRST_WRITE

    @property
    def title(self) -> str:
        """For people."""
        return f"Make {self.disk} unable to start until it is complete"

    def run(self, context: Context, progress: Progress) -> None:
        """The first write to the disk; over in a moment, so it shows no progress."""
        del progress
        context.running_restore().prepare()


@dataclass(frozen=True, slots=True)
class Write:
    """Write everything except what makes the disk start."""

    disk: str
    name: str = "write"

    @property
    def title(self) -> str:
        """For people."""
        return f"Write the images to {self.disk}"

    def run(self, context: Context, progress: Progress) -> None:
        """Fetch, check and write every chunk."""
        with context.shown_by(progress):
            context.running_restore().write()


@dataclass(frozen=True, slots=True)
class Verify:
    """Read back what was written."""

    disk: str
    name: str = "verify"

    @property
    def title(self) -> str:
        """For people."""
        return f"Read {self.disk} back and compare"

    def run(self, context: Context, progress: Progress) -> None:
        """Every chunk, from the medium."""
        with context.shown_by(progress):
            context.running_restore().verify()


@dataclass(frozen=True, slots=True)
class Commit:
    """Write and read back the label and the first MiB: now the disk starts."""

    disk: str
    name: str = "commit"

    @property
    def title(self) -> str:
        """For people."""
        return f"Make {self.disk} able to start"

    def run(self, context: Context, progress: Progress) -> None:
        """The last write; after it there is a receipt."""
        with context.shown_by(progress):
            context.running_restore().commit()
        context.receipt = receipt(context.running_restore(), context.running_disk(), context.laid)
