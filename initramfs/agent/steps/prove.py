"""Prove: what was changed after the proof of the writing is checked again, by each file system's own tool.

The last step before the commit. Growing and new identifiers are proved where they are made; here come the
file systems that were mounted, to correct texts or to give the host its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from initramfs.agent.pipeline import Context
from initramfs.agent.report import StepProgress
from initramfs.agent.steps.duplicates import Settled
from initramfs.agent.steps.rewriting import may_refer
from initramfs.agent.steps.volumes import places_in
from initramfs.imaging.device.device import Device
from initramfs.imaging.device.joined import joined_device
from initramfs.imaging.filesystem.check import prove
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.label.model import PartitionNumber, plain_number
from initramfs.imaging.restore.layout import Layout
from initramfs.messages import Personalisation


@dataclass(frozen=True, slots=True)
class Prove:
    """Check what was changed on ``disk``."""

    disk: str
    personalisation: Personalisation | None
    name: str = "prove"

    @property
    def title(self) -> str:
        """With the disk's name."""
        return f"Check the file systems that were changed on {self.disk}"

    def run(self, context: Context, progress: StepProgress) -> None:
        """Raises ToolError: one is not in order."""
        layout = context.find(Layout)
        for number in sorted(self._changed(context.find(Settled)), key=plain_number):
            part, disk = layout.place(number), Path("/dev", self.disk)
            if part is None:
                continue
            for place in places_in(context.find(Device).read, part, probe(disk, part.start, part.size).type):
                kind, which = place.kind, f"partition {number} {place.volume}".rstrip()
                with joined_device(disk, place.pieces, writable=True) as device:
                    done = prove(kind, device)
                progress.log(
                    f"{which}: the {kind} is in order"
                    if done
                    else f"{which}: not checked, there is no tool for {kind or 'what it holds'} here"
                )

    def _changed(self, settled: Settled) -> set[PartitionNumber]:
        found: set[PartitionNumber] = {self.personalisation.root} if self.personalisation else set()
        if settled.renames is None:
            return found
        return found | {number for number, fs in settled.filesystems.items() if may_refer(fs)}
