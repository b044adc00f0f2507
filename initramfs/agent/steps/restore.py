"""The phases of a restore as steps, each with its own progress, and the receipt for them.

What they do is in ``imaging.restore``; here they get their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from initramfs.agent.pipeline import Context, Step
from initramfs.agent.report import StepProgress
from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.restore.counts import RestoreCounts
from initramfs.imaging.restore.restore import Restore
from initramfs.messages import FIRST_WRITE, Disk, ImageRef, Place, ProvedImage, Receipt


@dataclass(frozen=True, slots=True)
class Scan:
    """Find out what need be neither fetched nor written."""

    disk: str
    name: str = "scan"

    @property
    def title(self) -> str:
        """With the disk's name."""
        return f"Look at what {self.disk} holds already"

    def run(self, context: Context, progress: StepProgress) -> None:
        """Read and compare, where that pays."""
        restore = context.find(Restore)
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
        """With the disk's name."""
        return f"Make {self.disk} unable to start until it is complete"

    def run(self, context: Context, progress: StepProgress) -> None:
        """The first write to the disk; over in a moment, so it shows no progress.

        The appliance knows of it before: what it believes of the disk (``image where``) ends now.
        """
        del progress
        context.wait_until_told()
        context.find(Restore).prepare()


@dataclass(frozen=True, slots=True)
class Write:
    """Write everything except what makes the disk start."""

    disk: str
    name: str = "write"

    @property
    def title(self) -> str:
        """With the disk's name."""
        return f"Write the images to {self.disk}"

    def run(self, context: Context, progress: StepProgress) -> None:
        """Fetch, check and write every chunk."""
        with context.shown_by(progress):
            context.find(Restore).write()


@dataclass(frozen=True, slots=True)
class Verify:
    """Read back what was written."""

    disk: str
    name: str = "verify"

    @property
    def title(self) -> str:
        """With the disk's name."""
        return f"Read {self.disk} back and compare"

    def run(self, context: Context, progress: StepProgress) -> None:
        """Every chunk, from the medium."""
        with context.shown_by(progress):
            context.find(Restore).verify()


@dataclass(frozen=True, slots=True)
class Commit:
    """Write and read back the label and the first MiB: now the disk starts."""

    disk: Disk
    laid: Sequence[tuple[Place, ImageRef]]
    name: str = "commit"

    @property
    def title(self) -> str:
        """With the disk's name."""
        return f"Make {self.disk.name} able to start"

    def run(self, context: Context, progress: StepProgress) -> None:
        """The last write; it leaves the receipt."""
        restore = context.find(Restore)
        with context.shown_by(progress):
            restore.commit()
        context.receipt = receipt(restore, self.disk, self.laid)


def phases(disk: str) -> tuple[Step, ...]:
    """All up to the proof of what was written; the disk cannot start yet."""
    return Scan(disk), Prepare(disk), Write(disk), Verify(disk)


def receipt(restore: Restore, disk: Disk, laid: Sequence[tuple[Place, ImageRef]]) -> Receipt:
    """What a committed restore has proved: ``disk`` now carries the images in ``laid``."""
    done = restore.counts
    return Receipt(
        disk_name=disk.name,
        disk_serial=disk.serial,
        disk_wwn=disk.wwn,
        images=tuple(image for _, image in laid),
        chunks_total=done.chunks_total,
        chunks_verified=done.chunks_verified,
        bytes_fetched=done.bytes_fetched,
        bytes_written=done.bytes_written + done.bytes_zeroed,
        chunks_fetched=done.chunks_fetched,
        bytes_skipped=done.bytes_skipped,
        bytes_read=done.bytes_read,
        bytes_discarded=done.bytes_discarded,
        disk_size=disk.size,
        carried=tuple(_carried(restore.images, place, image) for place, image in laid),
    )


def _carried(counts: Mapping[str, RestoreCounts], place: Place, image: ImageRef) -> ProvedImage:
    """An image that lies in two partitions has its counts for both together."""
    done = counts.get(f"{image.name}@{image.generation}")
    if done is None:  # others cover it wholly
        return ProvedImage(place, image)
    return ProvedImage(
        place,
        image,
        chunks_total=done.chunks_total,
        chunks_verified=done.chunks_verified,
        chunks_fetched=done.chunks_fetched,
        bytes_fetched=done.bytes_fetched,
        bytes_written=done.bytes_written + done.bytes_zeroed,
        bytes_skipped=done.bytes_skipped,
    )
