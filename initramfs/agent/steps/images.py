"""Check: fetch the manifests, believe only signed ones, and see that all fits before a byte is written.

The last step that can say no without anything being lost.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from initramfs.agent.chunks import HttpChunks
from initramfs.agent.errors import PlanError, TrustError
from initramfs.agent.pipeline import Context
from initramfs.agent.report import Progress
from initramfs.agent.steps.identifiers import others, settle
from initramfs.imaging.device.device import Device
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.format.signed import MAX_FILE, decode
from initramfs.imaging.label import read_label
from initramfs.imaging.label.model import Partition, PartitionNumber
from initramfs.imaging.restore.compose import compose
from initramfs.imaging.restore.identifiers import contents, renamed
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Adaptive
from initramfs.imaging.restore.verify_policy import policy_for
from initramfs.messages import Disk, Firmware, ImageRef, Job, PartitionImage

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class CheckImages:
    """See that the job's images fit ``disk``, this machine's ``firmware`` and its ``others`` (disks)."""

    job: Job
    disk: Disk
    firmware: Firmware
    others: tuple[Disk, ...] = ()
    name: str = "check"

    @property
    def title(self) -> str:
        """With the images' names."""
        return f"Check that {', '.join(part.image.name for part in laid(self.job))} fit {self.disk.name}"

    def run(self, context: Context, progress: Progress) -> None:
        """Open the disk for this program alone, and leave the restore in the context."""
        with ExitStack() as undo:
            device = undo.enter_context(Device.open(Path("/dev") / self.disk.name, writable=True))
            layout = self._layout(context, device, progress)
            if self.job.personalisation:
                area(layout, self.job.personalisation.root)
            context.restore = undo.enter_context(
                Restore(
                    layout,
                    HttpChunks(context.appliance),
                    device,
                    progress=context.progress,
                    strategy=Adaptive(),
                    verify_policy=policy_for(device, time.monotonic),
                    changing=bool(self.job.personalisation or context.renames),
                )
            )
            context.disk, context.laid = self.disk, laid(self.job)
            context.cleanup.push(undo.pop_all())
        for note in layout.notes:
            progress.log(note)
        data = sum(extent.length for extent in layout.extents() if extent.digest)
        progress.log(f"{data / GIB:.2f} GiB of data for a disk of {device.size / GIB:.2f} GiB")

    def _layout(self, context: Context, device: Device, progress: Progress) -> Layout:
        disk = fetch(context, self.job.disk_image) if self.job.disk_image else None
        laid: dict[PartitionNumber, Manifest] = {
            part.number: fetch(context, part.image) for part in self.job.partition_images
        }
        layout = compose(
            target_size=device.size,
            sector_size=device.sector_size,
            disk=disk,
            partitions=laid,
            label=None if disk else read_label(device.read, device.size, device.sector_size),
            firmware=self.firmware,
            grow=self.job.fit.grow,
        )
        context.filesystems = contents(disk, laid)
        elsewhere = others([Path("/dev") / other.name for other in self.others], progress.log)
        context.renames = settle(self.job.identity, layout, context.filesystems, elsewhere, context.random)
        return renamed(layout, context.renames) if context.renames else layout


def area(layout: Layout, number: int) -> Partition:
    """The data partition ``number`` of what is laid out. Raises PlanError if there is none."""
    found = layout.label.area(number) if layout.label else None
    if found is None:
        raise PlanError(
            f"there is no partition {number} to personalise", "correct personalise.root in the profile"
        )
    return found


def laid(job: Job) -> tuple[PartitionImage, ...]:
    """All images of a job and their partitions, the disk's first, as number 0."""
    return (*((PartitionImage(0, job.disk_image),) if job.disk_image else ()), *job.partition_images)


def fetch(context: Context, ref: ImageRef) -> Manifest:
    """The manifest that the signed job names, by digest and by name. Raises TrustError, ManifestError."""
    data = context.appliance.get(f"/api/v1/agent/manifests/{ref.digest.hex()}", MAX_FILE)
    if hashlib.sha256(data).digest() != ref.digest:
        raise TrustError(
            f"the manifest of {ref.name}@{ref.generation} is not the one that the job names",
            "run 'clonesys image verify' on the appliance",
        )
    return decode(data, context.key).expect(ref.name, ref.generation)
