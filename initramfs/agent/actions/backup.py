"""Backup: read a disk or its partitions, and let the appliance keep each as the next generation of an image.

The disk is opened for reading alone, and exclusively: what is mounted is refused. The
appliance signs the image, so it appears there at once or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from initramfs.agent.chunks import HttpSink
from initramfs.agent.disks import choose_disk
from initramfs.agent.errors import PlanError
from initramfs.agent.fetch import Conflict
from initramfs.agent.pipeline import Context, Plan, Step
from initramfs.agent.report import StepProgress
from initramfs.imaging.capture.capture import CaptureCounts, Draft, Facts, capture, check_kind
from initramfs.imaging.capture.regions import scope_of
from initramfs.imaging.device.device import Device
from initramfs.imaging.format.chunk import MIB
from initramfs.messages import Backup, Disk, ImageRef, Inventory, Job, Receipt


def plan(work: Backup, _job: Job, seen: Inventory) -> Plan:
    """Exactly one disk, at least one name, one for each partition. Raises PlanError."""
    if not work.names():
        raise PlanError("backup needs names for its images and the job has none", "set images in the profile")
    numbers = [part.number for part in work.partitions]
    if len(set(numbers)) != len(numbers):
        raise PlanError(f"the job names a partition twice: {numbers}", "correct images.partitions")
    disk = choose_disk(work.disk, seen.disks)
    return Plan(disk, tuple(_steps(work, disk)))


def _steps(work: Backup, disk: Disk) -> Iterator[Step]:
    """Everything is looked at before anything is sent."""
    named: list[tuple[int | None, str]] = [(None, work.disk_image)] if work.disk_image else []
    named += [(part.number, part.name) for part in work.partitions]
    yield CheckSource(disk, tuple(named), work)
    for number, image in named:
        yield Capture(disk, number, image, work)


@dataclass(frozen=True, slots=True)
class CheckSource:
    """See that all that is to be captured is there and was left in order, before anything is sent."""

    disk: Disk
    wanted: tuple[tuple[int | None, str], ...]
    work: Backup
    name: str = "check"

    @property
    def title(self) -> str:
        """With the disk's name."""
        return f"Check that {self.disk.name} was left in order"

    def run(self, context: Context, progress: StepProgress) -> None:
        """Raises DeviceError, CaptureError, LabelError with the reason."""
        del context
        with Device.open(node(self.disk)) as device:
            for number, image in self.wanted:
                scope = scope_of(device, **_how(self.work, number))
                check_kind(image, scope)
                used = sum(system.used for system in scope.filesystems)
                progress.log(f"{_what(number)}: {scope.size / MIB:.0f} MiB, {used / MIB:.0f} MiB to keep")
                for warning in scope.warnings:
                    progress.log(warning)


@dataclass(frozen=True, slots=True)
class Capture:
    """Read the whole disk (``number`` is None) or one partition into the image ``image``."""

    disk: Disk
    number: int | None
    image: str
    work: Backup

    @property
    def name(self) -> str:
        """Short and stable."""
        return "capture" if self.number is None else f"capture-{self.number}"

    @property
    def title(self) -> str:
        """With the names of what is read and what is made."""
        return f"Capture {_what(self.number)} of {self.disk.name} as {self.image}"

    def run(self, context: Context, progress: StepProgress) -> None:
        """Send what the appliance lacks, then hand the image over."""
        sink = HttpSink(context.appliance)
        source = f"{self.disk.name}{'' if self.number is None else f' partition {self.number}'}"
        facts = Facts(self.image, self.work.description, source)
        with Device.open(node(self.disk)) as device, context.shown_by(progress):
            made, draft = self._send(device, facts, sink, context)
        count = draft.count
        progress.log(_summary(made, count))
        for warning in draft.found:
            progress.log(warning)
        context.receipt = _receipt(self.disk, context.receipt, made, count)

    def _send(self, device: Device, facts: Facts, sink: HttpSink, context: Context) -> tuple[ImageRef, Draft]:
        """Once more, if the appliance has lost what it had: its power was cut, or files were deleted."""
        how = _how(self.work, self.number)
        for last in (False, True):
            draft = capture(device, facts, sink, **how, progress=context.progress)
            try:
                return sink.hand_over(draft.header, draft.ranges), draft
            except Conflict:
                if last:
                    raise
        raise AssertionError("unreachable: the loop ends by returning or raising")


def node(disk: Disk) -> Path:
    """The device node of a disk."""
    return Path("/dev") / disk.name


class _How(TypedDict):
    partition: int | None
    empty: tuple[int, ...]
    without_swap: bool
    only_partitions: bool


def _how(work: Backup, number: int | None) -> _How:
    """What capture and its check are told of one image."""
    whole = number is None
    return {
        "partition": number,
        "empty": work.empty if whole else (),
        "without_swap": work.without_swap,
        "only_partitions": work.only_partitions and whole,
    }


def _what(number: int | None) -> str:
    return "all" if number is None else f"partition {number}"


def _summary(made: ImageRef, count: CaptureCounts) -> str:
    return (
        f"{made.name}@{made.generation}: {count.bytes_read / MIB:.0f} MiB read, "
        f"{count.chunks_sent} of {count.chunks} chunks sent ({count.bytes_sent / MIB:.0f} MiB)"
    )


def _receipt(disk: Disk, before: Receipt | None, made: ImageRef, count: CaptureCounts) -> Receipt:
    """Which disk the images were made of; the appliance has checked every chunk that it counts."""
    chunks = count.chunks + (before.chunks_total if before else 0)
    return Receipt(
        disk_name=disk.name,
        disk_serial=disk.serial,
        disk_wwn=disk.wwn,
        images=(*(before.images if before else ()), made),
        chunks_total=chunks,
        chunks_verified=chunks,
        bytes_fetched=0,
        bytes_written=0,
    )
