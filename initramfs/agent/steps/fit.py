"""Grow: a partition's file system takes the room that its partition was given on this disk.

The label's side of it is in the layout already; see ``imaging.restore.fit`` and ``grow_filesystem`` there.
"""

from __future__ import annotations

from dataclasses import dataclass

from initramfs.agent.pipeline import Context
from initramfs.agent.report import Progress
from initramfs.imaging.restore.grow_filesystem import grow_filesystem
from initramfs.messages import Last


@dataclass(frozen=True, slots=True)
class Grow:
    """Let partition ``number`` (or the last one) of ``disk`` be filled by its file system."""

    disk: str
    number: int | Last
    name: str = "grow"

    @property
    def title(self) -> str:
        """For people."""
        which = "the last partition" if self.number is Last.LAST else f"partition {self.number}"
        return f"Let the file system in {which} of {self.disk} fill it"

    def run(self, context: Context, progress: Progress) -> None:
        """Between verify and commit: everything is on the disk, and it cannot start yet."""
        restore = context.running_restore()
        if restore.layout.grow is None:
            for note in restore.layout.notes:
                progress.log(note)
            return
        progress.log(grow_filesystem(restore.layout, restore.target))
