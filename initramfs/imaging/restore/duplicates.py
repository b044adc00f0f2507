"""Whether another disk of this machine already carries an identifier that an image brings.

Firmware, boot loaders and systems find disks by these; with two of them alike, the wrong one is started,
mounted, or written. :func:`duplicates` is pure; :func:`collect` looks at one disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from initramfs.imaging.errors import LabelError
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.format.header import Filesystem
from initramfs.imaging.label import read_label
from initramfs.imaging.label.model import Label, Partition

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Device

NO_ID = "00000000"
"""The disk signature of an MBR that has none."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One thing that should be unique: ``kind`` is ``disk``, ``partition`` or ``file system``."""

    kind: str
    value: str
    partition: int = 0

    @property
    def words(self) -> str:
        """For people."""
        where = f" of partition {self.partition}" if self.partition else ""
        return f"the {self.kind} identifier {self.value}{where}"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An identifier that the images bring, and the disk that has it already."""

    disk: str
    identifier: Identifier


def identifiers(label: Label | None, filesystems: Mapping[int, Filesystem]) -> Iterator[Identifier]:
    """Everything by which a disk with this label and these file systems could be found."""
    if label is not None and label.id != NO_ID:
        yield Identifier("disk", label.id.lower())
        for part in label.partitions:
            yield Identifier("partition", part.uuid.lower(), part.number)
    for number, found in sorted(filesystems.items()):
        if found.uuid:
            yield Identifier("file system", found.uuid.lower(), number)


def duplicates(brought: Iterable[Identifier], others: Mapping[str, Iterable[Identifier]]) -> list[Duplicate]:
    """What ``brought`` has in common with other disks, by the disks' names."""
    known = {disk: {(one.kind, one.value) for one in found} for disk, found in others.items()}
    return [
        Duplicate(disk, one)
        for one in brought
        for disk, values in sorted(known.items())
        if (one.kind, one.value) in values
    ]


def collect(device: Device) -> list[Identifier]:
    """The identifiers on a disk; one whose label is damaged is looked at as if it had none.

    Raises ToolError, DeviceError.
    """
    try:
        label = read_label(device.read, device.size, device.sector_size)
    except LabelError:
        label = None
    areas = label.areas if label is not None else (Partition(0, 0, device.size, ""),)
    return list(identifiers(label, {area.number: _filesystem(device, area) for area in areas}))


def _filesystem(device: Device, area: Partition) -> Filesystem:
    found = probe(device.path, area.start, area.size)
    return Filesystem(area.number, found.type, found.uuid, found.label, area.size, 0, area.size)
