"""Capture: read a disk or a partition and let the appliance keep it as the next generation of an image.

The disk is opened for reading alone, and exclusively: what is mounted is refused. The
appliance signs the image, so it appears there at once or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from initramfs.agent.fetch import Conflict
from initramfs.agent.pipeline import Context
from initramfs.agent.report import Progress
from initramfs.agent.upload import HttpSink
from initramfs.imaging.capture.capture import CaptureCounts, Facts, capture
from initramfs.imaging.capture.regions import scope_of
from initramfs.imaging.device.device import Device
from initramfs.messages import Backup, Disk, ImageRef, PartitionImage, Receipt

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class CheckSource:
    """See that all that is to be captured is there and was left in order, before anything is sent."""

    disk: Disk
    partitions: tuple[int | None, ...]
    backup: Backup
    name: str = "check"

    @property
    def title(self) -> str:
        """For people."""
        return f"Check that {self.disk.name} was left in order"

    def run(self, context: Context, progress: Progress) -> None:
        """Raises DeviceError, CaptureError, LabelError with the reason."""
        context.disk = self.disk
        with Device.open(node(self.disk)) as device:
            for number in self.partitions:
                empty = self.backup.empty if number is None else ()
                scope = scope_of(device, partition=number, empty=empty, without_swap=self.backup.without_swap)
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
    backup: Backup

    @property
    def name(self) -> str:
        """Short and stable."""
        return "capture" if self.number is None else f"capture-{self.number}"

    @property
    def title(self) -> str:
        """For people."""
        return f"Capture {_what(self.number)} of {self.disk.name} as {self.image}"

    def run(self, context: Context, progress: Progress) -> None:
        """Send what the appliance lacks, then hand the image over."""
        sink = HttpSink(context.appliance)
        source = f"{self.disk.name}{'' if self.number is None else f' partition {self.number}'}"
        facts = Facts(self.image, self.backup.description, source)
        with Device.open(node(self.disk)) as device, context.shown_by(progress):
            made, count = self._send(device, facts, sink, context)
        progress.log(_summary(made, count))
        context.laid = (*context.laid, PartitionImage(self.number or 0, made))
        context.receipt = _receipt(context, count)

    def _send(
        self, device: Device, facts: Facts, sink: HttpSink, context: Context
    ) -> tuple[ImageRef, CaptureCounts]:
        """Once more, if the appliance has lost what it had: its power was cut, or people deleted files."""
        empty = self.backup.empty if self.number is None else ()
        for last in (False, True):
            draft = capture(
                device,
                facts,
                sink,
                partition=self.number,
                empty=empty,
                without_swap=self.backup.without_swap,
                progress=context.progress,
            )
            try:
                return sink.hand_over(draft), draft.count
            except Conflict:
                if last:
                    raise
        raise AssertionError("unreachable: the loop ends by returning or raising")


def node(disk: Disk) -> Path:
    """The device node of a disk."""
    return Path("/dev") / disk.name


def _what(number: int | None) -> str:
    return "all" if number is None else f"partition {number}"


def _summary(made: ImageRef, count: CaptureCounts) -> str:
    return (
        f"{made.name}@{made.generation}: {count.bytes_read / MIB:.0f} MiB read, "
        f"{count.chunks_sent} of {count.chunks} chunks sent ({count.bytes_sent / MIB:.0f} MiB)"
    )


def _receipt(context: Context, count: CaptureCounts) -> Receipt:
    """Which disk the images were made of; the appliance has checked every chunk that it counts."""
    disk, before = context.running_disk(), context.receipt
    chunks = count.chunks + (before.chunks_total if before else 0)
    return Receipt(
        disk_name=disk.name,
        disk_serial=disk.serial,
        disk_wwn=disk.wwn,
        images=tuple(part.image for part in context.laid),
        chunks_total=chunks,
        chunks_verified=chunks,
        bytes_fetched=0,
        bytes_written=0,
    )
