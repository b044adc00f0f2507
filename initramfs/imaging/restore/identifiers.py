"""By what firmware, boot loaders and systems find disks, partitions and file systems.

All clones of an image share its identifiers. That is wanted in a classroom, and a trap where two of them
meet in one machine: the wrong disk is started, mounted, or written. :func:`duplicates` finds out whether
another disk carries an identifier that the images bring; :func:`fresh` makes new ones, and says what
becomes of the old ones. Only :func:`collect` does I/O; randomness comes as an argument.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from initramfs.imaging.errors import LabelError
from initramfs.imaging.filesystem.limits import why_not_renamed
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.format.header import Filesystem
from initramfs.imaging.label import read_label
from initramfs.imaging.label.model import (
    Bare,
    Bounds,
    Edits,
    Label,
    LabelType,
    PartitionNumber,
    edited,
    plain_number,
)

if TYPE_CHECKING:
    from initramfs.imaging.device.device import Device
    from initramfs.imaging.format.manifest import Manifest
    from initramfs.imaging.restore.layout import Layout

NO_ID = "00000000"
"""The disk signature of an MBR that has none."""
Random = Callable[[int], bytes]
"""That many random bytes."""

SHORT = 8
"""A disk signature's digits: in a text they could be anything."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One thing that should be unique: ``kind`` is ``disk``, ``partition`` or ``file system``."""

    kind: str
    value: str
    partition: int | None = None

    @property
    def words(self) -> str:
        """With what it identifies: ``the disk identifier 1234abcd``."""
        where = f" of partition {self.partition}" if self.partition is not None else ""
        return f"the {self.kind} identifier {self.value}{where}"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An identifier that the images bring, and the disk that has it already."""

    disk: str
    identifier: Identifier


def identifiers(
    label: Label | None, filesystems: Mapping[PartitionNumber, Filesystem]
) -> Iterator[Identifier]:
    """Everything by which a disk with this label and these file systems could be found."""
    if label is not None and label.id != NO_ID:
        yield Identifier("disk", label.id.lower())
        for part in label.partitions:
            yield Identifier("partition", part.uuid.lower(), part.number)
    for number, found in _in_order(filesystems):
        if found.uuid:
            yield Identifier("file system", found.uuid.lower(), None if isinstance(number, Bare) else number)


def _in_order(filesystems: Mapping[PartitionNumber, Filesystem]) -> list[tuple[PartitionNumber, Filesystem]]:
    return sorted(filesystems.items(), key=lambda item: plain_number(item[0]))


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
    places: dict[PartitionNumber, Bounds] = {Bare.BARE: Bounds(0, device.size)}
    if label is not None:
        places = {area.number: area.bounds for area in label.areas}
    found = {number: _filesystem(device, number, place) for number, place in places.items()}
    return list(identifiers(label, found))


def _filesystem(device: Device, number: PartitionNumber, place: Bounds) -> Filesystem:
    found = probe(device.path, place.start, place.size)
    return Filesystem(number, found.type, found.uuid, found.label, place.size, 0, place.size)


@dataclass(frozen=True, slots=True)
class Renamed:
    """One file system and its new identifier, as blkid will show it."""

    type: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Renames:
    """What is changed.

    Attributes:
        edits: of the label; empty if it is not written.
        filesystems: by partition.
        words: old to new, for texts that refer to them; the old ones in lower case.
        boot_words: old to new of the disk's and partitions' identifiers, as Windows' boot configuration has
            them.
        kept: file systems by partition whose identifier cannot be changed.
    """

    edits: Edits = field(default_factory=Edits)
    filesystems: Mapping[PartitionNumber, Renamed] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    boot_words: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[PartitionNumber, Filesystem] = field(default_factory=dict)


def contents(
    disk: Manifest | None, partition_images: Mapping[PartitionNumber, Manifest]
) -> dict[PartitionNumber, Filesystem]:
    """The file systems that will be written, by partition."""
    found = {fs.partition: fs for fs in disk.header.filesystems} if disk is not None else {}
    kept = {number: fs for number, fs in found.items() if number not in partition_images}
    return kept | {
        number: fs for number, image in partition_images.items() for fs in image.header.filesystems
    }


def fresh(label: Label | None, filesystems: Mapping[PartitionNumber, Filesystem], random: Random) -> Renames:
    """New identifiers for everything that has one. ``label``: None if no label is written."""
    named = {number: fs for number, fs in _in_order(filesystems) if fs.uuid}
    renamed = {
        number: Renamed(fs.type, fs.uuid, new_uuid(fs.type, random))
        for number, fs in named.items()
        if not why_not_renamed(fs.type, fs.facts)
    }
    edits = _label_edits(label, random) if label is not None else Edits()
    boot = dict(_label_words(label, edits)) if label is not None else {}
    words = {old: new for old, new in boot.items() if len(old) > SHORT}
    words |= {fs.old.lower(): fs.new for fs in renamed.values()}
    kept = {number: fs for number, fs in named.items() if number not in renamed}
    return Renames(edits, renamed, words, boot, kept)


def new_uuid(kind: str, random: Random) -> str:
    """An identifier as ``kind`` has them: a UUID (RFC 4122, version 4), FAT's 8 or NTFS's 16 digits."""
    if kind == "vfat":
        digits = random(4).hex().upper()
        return f"{digits[:4]}-{digits[4:]}"
    if kind == "ntfs":
        return random(8).hex().upper()
    return _uuid4(random)


def renamed(layout: Layout, renames: Renames) -> Layout:
    """The layout that writes the new label. A GPT is made anew, in both copies."""
    if layout.label is None or not renames.edits:
        return layout
    both = replace(layout.edits, id=renames.edits.id, uuids=renames.edits.uuids)
    relocate = layout.relocate or layout.label.type is LabelType.GPT
    return replace(layout, label=edited(layout.label, both), edits=both, relocate=relocate)


def _uuid4(random: Random) -> str:
    return str(uuid.UUID(bytes=random(16), version=4))


def _label_edits(label: Label, random: Random) -> Edits:
    if label.type is LabelType.MBR:
        return Edits(id=f"{int.from_bytes(random(4), 'big') or 1:08x}")
    return Edits(id=_uuid4(random), uuids={part.number: _uuid4(random) for part in label.partitions})


def _label_words(old: Label, edits: Edits) -> Iterator[tuple[str, str]]:
    """The disk's identifier and the PARTUUIDs."""
    new = edited(old, edits)
    yield old.id.lower(), new.id
    for before, after in zip(old.partitions, new.partitions, strict=True):
        yield before.uuid.lower(), after.uuid
