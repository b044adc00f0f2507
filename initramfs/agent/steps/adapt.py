"""What changes between the proof and the commit: file systems grow, identifiers are new, the host is named.

Everything is on the disk then, and the disk cannot start yet, so no clone starts with another's identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from initramfs.agent.pipeline import Context, Step
from initramfs.agent.report import StepProgress
from initramfs.agent.steps.identifiers import Rename
from initramfs.agent.steps.personalise import Personalise
from initramfs.imaging.device.device import Device
from initramfs.imaging.restore.grow_filesystem import grow_filesystem
from initramfs.imaging.restore.layout import Layout
from initramfs.messages import Duplicates, Install, Last, RestorePartitions, Uuids


def adapt(work: Install | RestorePartitions, disk: str) -> Iterator[Step]:
    """The changes that ``work`` asks for, in their order."""
    if work.fit.grow is not None:
        yield Grow(disk, work.fit.grow)
    if work.identity.uuids is Uuids.NEW or work.identity.duplicates is Duplicates.RANDOMISE:
        yield Rename(disk)
    if work.personalisation:
        yield Personalise(disk, work.personalisation)


@dataclass(frozen=True, slots=True)
class Grow:
    """Let partition ``number`` (or the last one) of ``disk`` be filled by its file system.

    The label's side of it is in the layout already.
    """

    disk: str
    number: int | Last
    name: str = "grow"

    @property
    def title(self) -> str:
        """With the disk's name."""
        which = "the last partition" if self.number is Last.LAST else f"partition {self.number}"
        return f"Let the file system in {which} of {self.disk} fill it"

    def run(self, context: Context, progress: StepProgress) -> None:
        """Let the file system fill it, or say why it cannot."""
        layout = context.find(Layout)
        if layout.grow is None:
            for note in layout.notes:
                progress.log(note)
            return
        progress.log(grow_filesystem(layout, context.find(Device)))
