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
from initramfs.agent.report import StepProgress
from initramfs.agent.steps.boot_loaders import check_start
from initramfs.agent.steps.duplicates import Settled, others, settle
from initramfs.agent.steps.host_files import check_names, check_phone_home, root_partition
from initramfs.agent.steps.linux_root import check_kind
from initramfs.agent.steps.volumes import check_volumes
from initramfs.imaging.device.device import Device
from initramfs.imaging.filesystem.limits import why_not_mounted
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.format.signed import MAX_FILE, decode
from initramfs.imaging.label import read_label
from initramfs.imaging.label.model import PartitionNumber
from initramfs.imaging.restore.identifiers import contents, renamed
from initramfs.imaging.restore.layout import Layout
from initramfs.imaging.restore.look_ahead import with_facts
from initramfs.imaging.restore.plan import plan
from initramfs.imaging.restore.preview import Preview
from initramfs.imaging.restore.restore import Restore
from initramfs.imaging.restore.strategy import Adaptive
from initramfs.imaging.restore.verify_policy import policy_for
from initramfs.messages import (
    PHONE_HOME_WANTED,
    Disk,
    Firmware,
    ImageRef,
    Install,
    Loader,
    RestorePartitions,
    images_by_place,
)
from initramfs.messages.roots import LVM

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class CheckImages:
    """See that the images of ``work`` fit ``disk``, this machine's ``firmware`` and its ``others``."""

    work: Install | RestorePartitions
    disk: Disk
    firmware: Firmware
    others: tuple[Disk, ...] = ()
    """All disks of the machine but ``disk``."""
    name: str = "check"

    @property
    def title(self) -> str:
        """With the images' names."""
        names = ", ".join(image.name for _, image in images_by_place(self.work))
        return f"Check that {names} fit {self.disk.name}"

    def run(self, context: Context, progress: StepProgress) -> None:
        """Open the disk for this program alone, and leave the restore for the steps that follow."""
        with ExitStack() as undo:
            device = undo.enter_context(Device.open(Path("/dev") / self.disk.name, writable=True))
            layout, settled = self._layout(context, device, progress)
            preview = Preview(layout, HttpChunks(context.appliance), device)
            if self.work.personalisation:
                _check_root(self.work.personalisation.root, layout, settled, device, preview)
            if isinstance(self.work, Install) and self.work.loader is Loader.REQUIRE:
                check_start(layout.label, settled.filesystems, self.firmware, preview.read, progress.log)
            restore = Restore(
                layout,
                HttpChunks(context.appliance),
                device,
                progress=context.progress,
                strategy=Adaptive(),
                verify_policy=policy_for(device, time.monotonic),
                changing=bool(self.work.personalisation or settled.renames),
            )
            for thing in (undo.enter_context(restore), layout, device, settled):
                context.leave(thing)
            context.cleanup.push(undo.pop_all())
        for note in layout.notes:
            progress.log(note)
        data = sum(extent.length for extent in layout.extents() if extent.digest)
        progress.log(f"{data / GIB:.2f} GiB of data for a disk of {device.size / GIB:.2f} GiB")

    def _layout(self, context: Context, device: Device, progress: StepProgress) -> tuple[Layout, Settled]:
        disk = fetch(context, self.work.disk_image) if isinstance(self.work, Install) else None
        laid: dict[PartitionNumber, Manifest] = {
            part.number: fetch(context, part.image) for part in self.work.partition_images
        }
        layout = plan(
            HttpChunks(context.appliance),
            device,
            self.work.fit,
            disk=disk,
            partitions=laid,
            label=None if disk else read_label(device.read, device.size, device.sector_size),
            firmware=self.firmware,
        )
        filesystems = with_facts(HttpChunks(context.appliance), disk, laid, contents(disk, laid))
        elsewhere = others([Path("/dev") / other.name for other in self.others], progress.log)
        renames = settle(self.work.identity, layout, filesystems, elsewhere, context.random)
        return renamed(layout, renames) if renames else layout, Settled(filesystems, renames)


def _check_root(number: int, layout: Layout, settled: Settled, device: Device, preview: Preview) -> None:
    """See what will lie in the root's partition, or lies there already. Raises PlanError."""
    bounds = root_partition(layout, number).bounds
    if number in settled.filesystems:
        if why := why_not_mounted(settled.filesystems[number].facts):
            raise PlanError(
                f"partition {number} cannot be personalised: {why}",
                "correct personalise.root in the profile, or leave [personalise] out",
            )
        kind = settled.filesystems[number].type
    else:  # what no image covers is zeros on a whole disk, and stays as it is on any other
        kind = "" if layout.whole else probe(device.path, bounds.start, bounds.size).type
    check_kind(number, kind)
    if kind == LVM:
        check_volumes(preview.read, bounds, number)


def check_wish(work: Install | RestorePartitions) -> None:
    """What can be known without the disk and the images. Raises PlanError."""
    numbers = [part.number for part in work.partition_images]
    if len(set(numbers)) != len(numbers):
        raise PlanError(f"the job names a partition twice: {numbers}", "correct images.partitions")
    if work.personalisation:
        check_names(work.personalisation)
        if work.personalisation.phone_home_url not in {"", PHONE_HOME_WANTED}:
            check_phone_home(work.personalisation)


def fetch(context: Context, ref: ImageRef) -> Manifest:
    """The manifest that the signed job names, by digest and by name. Raises TrustError, ManifestError."""
    data = context.appliance.get(f"/api/v1/agent/manifests/{ref.digest.hex()}", MAX_FILE)
    if hashlib.sha256(data).digest() != ref.digest:
        raise TrustError(
            f"the manifest of {ref.name}@{ref.generation} is not the one that the job names",
            "run 'clonesys image verify' on the appliance",
        )
    return decode(data, context.key).expect(ref.name, ref.generation)
