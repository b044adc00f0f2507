"""What changes between the proof and the commit: file systems grow, identifiers are new, the host is named.

Everything is on the disk then, and the disk cannot start yet, so no clone starts with another's identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from initramfs.agent.pipeline import Context, Step
from initramfs.agent.report import StepProgress
from initramfs.agent.steps.duplicates import Settled
from initramfs.agent.steps.linux_root import folders_of
from initramfs.agent.steps.personalise import Personalise
from initramfs.agent.steps.prove import Prove
from initramfs.agent.steps.rewriting import may_refer, rewrite_boot_configuration, rewrite_references
from initramfs.agent.steps.volumes import Place, places_in
from initramfs.imaging.device.device import Device
from initramfs.imaging.device.loop import loop_device
from initramfs.imaging.filesystem.limits import why_not_renamed
from initramfs.imaging.filesystem.rename import rename
from initramfs.imaging.format.header import Filesystem
from initramfs.imaging.label.model import Bounds, PartitionNumber, plain_number
from initramfs.imaging.restore.grow_filesystem import grow_filesystem
from initramfs.imaging.restore.identifiers import Renames
from initramfs.imaging.restore.layout import Layout
from initramfs.messages import Duplicates, GrowFailure, Install, Last, Nic, RestorePartitions, Uuids


def adapt(work: Install | RestorePartitions, disk: str, nics: tuple[Nic, ...]) -> Iterator[Step]:
    """The changes that ``work`` asks for, in their order, on a machine with ``nics``."""
    if work.fit.grow is not None:
        yield Grow(disk, work.fit.grow, work.fit.grow_failure)
    renaming = work.identity.uuids is Uuids.NEW or work.identity.duplicates is Duplicates.RANDOMISE
    if renaming:
        yield Rename(disk)
    if work.personalisation:
        yield Personalise(disk, work.personalisation, nics)
    if renaming or work.personalisation:
        yield Prove(disk, work.personalisation)


@dataclass(frozen=True, slots=True)
class Grow:
    """Let partition ``number`` (or the last one) of ``disk`` be filled by its file system.

    The label's side of it is in the layout already.
    """

    disk: str
    number: int | Last
    failure: GrowFailure = GrowFailure.KEEP
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
            progress.log("nothing grows: the check says why")
            return
        progress.log(grow_filesystem(layout, context.find(Device), self.failure))


@dataclass(frozen=True, slots=True)
class Rename:
    """Give what was written identifiers of its own, and correct its texts."""

    disk: str
    name: str = "identifiers"

    @property
    def title(self) -> str:
        """With the disk's name."""
        return f"Give {self.disk} and its file systems identifiers of their own, where they need them"

    def run(self, context: Context, progress: StepProgress) -> None:
        """Between verify and commit. The label's part is made by the commit."""
        settled = context.find(Settled)
        if settled.renames is None:
            progress.log("no other disk of this machine has these identifiers: they stay")
            return
        disk = Path("/dev") / self.disk
        for line in apply(settled.renames, context.find(Layout), disk, settled.filesystems):
            progress.log(line)


def apply(
    renames: Renames, layout: Layout, disk: Path, filesystems: Mapping[PartitionNumber, Filesystem]
) -> Iterator[str]:
    """Rename the file systems, then correct the texts in all of them; yields what was done.

    May be repeated. Raises ToolError.
    """
    for number, item in renames.filesystems.items():
        with _device(layout, disk, number) as (loop, size):
            rename(item.type, loop, item.new, size)
        yield f"partition {number}: the {item.type} is now {item.new}"
    for number, kept in renames.kept.items():
        why = why_not_renamed(kept.type, kept.facts)
        yield f"partition {number}: the identifier of {kept.type} stays as it is: {why}"
    for number, found in sorted(filesystems.items(), key=lambda item: plain_number(item[0])):
        for place in _referring(layout, disk, number, found):
            with place.mounted(disk) as root:
                changed = rewrite_references(root, renames.words, folders_of(root, place.kind))
                changed += rewrite_boot_configuration(root, renames.boot_words)
            if changed:
                volume = f" {place.volume}" if place.volume else ""
                yield f"partition {number}{volume}: {', '.join(changed)} corrected"


def _referring(layout: Layout, disk: Path, number: PartitionNumber, found: Filesystem) -> list[Place]:
    """The file systems in a partition that may refer to others: its own, or those of LVM's volumes."""
    if not may_refer(found):
        return []
    with Device.open(disk, shared=True) as device:
        return places_in(device.read, _bounds(layout, number), found.type)


@contextmanager
def _device(layout: Layout, disk: Path, number: PartitionNumber) -> Iterator[tuple[Path, int]]:
    """A partition as a block device, and its size."""
    part = _bounds(layout, number)
    with loop_device(disk, part.start, part.size, writable=True) as loop:
        yield loop, part.size


def _bounds(layout: Layout, number: PartitionNumber) -> Bounds:
    part = layout.place(number)
    if part is None:
        raise AssertionError(f"partition {number} was laid out, and is not there")
    return part
