"""Disk labels: which partitions a disk has, whatever kind of table says so, and edits of them.

No I/O: bytes come through a reader. All offsets and sizes are bytes. The two kinds of table are in
:mod:`mbr <initramfs.imaging.label.mbr>` and :mod:`gpt <initramfs.imaging.label.gpt>`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from itertools import pairwise

from initramfs.imaging.errors import LabelError

Reader = Callable[[int, int], bytes]
"""``read(offset, length)`` of a disk. Short only at the disk's end."""

REPAIR = "look at it with 'sfdisk --verify' and repair it first"

EXTENDED = frozenset({"5", "f", "85"})
"""MBR types of containers: DOS, Windows LBA, Linux."""
PROTECTIVE = 0xEE
"""The MBR type of the entry that guards a GPT (UEFI 2.10, 5.2.3)."""
FIRST_LOGICAL = 5
"""The number of an MBR's first logical partition, as everywhere since 1991."""

ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
BIOS_BOOT = "21686148-6449-6e6f-744e-656564454649"


class Bare(Enum):
    """Stands for a number where there is no label: the whole target, or image, is the one partition."""

    BARE = 0
    """As manifests have it."""

    def __str__(self) -> str:
        return str(self.value)


PartitionNumber = int | Bare


def plain_number(number: PartitionNumber) -> int:
    """As manifests and people have it, and in an order: the bare one is 0."""
    return number.value if isinstance(number, Bare) else number


def which(number: PartitionNumber | None) -> str:
    """A partition's name in a sentence."""
    return "the partition" if number is None or isinstance(number, Bare) else f"partition {number}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a partition lies on a target, in bytes."""

    start: int
    size: int

    @property
    def end(self) -> int:
        """The first byte behind."""
        return self.start + self.size


class LabelType(StrEnum):
    """The kinds of table."""

    MBR = "mbr"
    GPT = "gpt"


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition.

    Attributes:
        number: as in the device's name: 5 for sda5.
        start: bytes from the start of the disk.
        size: bytes.
        type: MBR: lower-case hex without leading zeros, as sfdisk prints it; GPT: lower-case UUID.
        uuid: the PARTUUID: lower-case; for MBR the disk's id and the number.
        name: GPT only.
        attrs: GPT attribute bits.
        bootable: MBR's active flag.
    """

    number: int
    start: int
    size: int
    type: str
    uuid: str = ""
    name: str = ""
    attrs: int = 0
    bootable: bool = False

    @property
    def end(self) -> int:
        """The first byte behind."""
        return self.start + self.size

    @property
    def bounds(self) -> Bounds:
        """Where it lies."""
        return Bounds(self.start, self.size)


@dataclass(frozen=True, slots=True)
class Label:
    """A partition table. ``id`` is the disk's identifier: 8 hex digits (MBR) or a UUID (GPT)."""

    type: LabelType
    id: str
    partitions: tuple[Partition, ...]

    @property
    def areas(self) -> tuple[Partition, ...]:
        """The partitions that hold data, by place on the disk: without extended containers."""
        real = (p for p in self.partitions if not self.is_container(p))
        return tuple(sorted(real, key=lambda p: p.start))

    def is_container(self, partition: Partition) -> bool:
        """Whether this is an extended partition, which only holds others."""
        return self.type is LabelType.MBR and partition.type in EXTENDED

    def area(self, number: int) -> Partition | None:
        """The data partition with this number."""
        return next((p for p in self.areas if p.number == number), None)

    def container_of(self, partition: Partition) -> Partition | None:
        """The extended partition that a logical one lies in, None for any other."""
        if not self.is_logical(partition):
            return None
        return next((p for p in self.partitions if p.type in EXTENDED and p.number < FIRST_LOGICAL), None)

    def is_logical(self, partition: Partition) -> bool:
        """Whether this partition lies in an extended one."""
        return self.type is LabelType.MBR and partition.number >= FIRST_LOGICAL

    def check(self, size: int, sector_size: int) -> None:
        """Raises LabelError unless such a table can be on a disk of ``size`` bytes: the order, the places."""
        numbers = [p.number for p in self.partitions]
        if len(set(numbers)) != len(numbers):
            raise LabelError("two partitions have the same number", REPAIR)
        if numbers != sorted(numbers) or min(numbers, default=1) < 1:
            raise LabelError(f"the partitions are numbered {numbers}", REPAIR)
        for part in self.partitions:
            _check_place(part, size, sector_size)
        _check_apart(self.areas)
        _check_apart(p for p in self.partitions if not self.is_logical(p))
        self._check_logical()

    def _check_logical(self) -> None:
        """There may be several containers (85 beside 5): logical partitions are those of the first."""
        outer = next((p for p in self.partitions if self.is_container(p)), None)
        for part in filter(self.is_logical, self.partitions):
            if self.is_container(part):
                raise LabelError(f"partition {part.number} is an extended one inside of another", REPAIR)
            if outer is None or part.start < outer.start or part.end > outer.end:
                raise LabelError(f"partition {part.number} lies outside of the extended partition", REPAIR)


def bounds_of(number: PartitionNumber, label: Label | None, size: int) -> Bounds | None:
    """Where a data partition lies on a target of ``size`` bytes, None if it is not there."""
    if isinstance(number, Bare):
        return Bounds(0, size) if label is None else None
    area = label.area(number) if label is not None else None
    return area.bounds if area is not None else None


@dataclass(frozen=True, slots=True)
class Edits:
    """What to change; empty changes nothing.

    Attributes:
        sizes: bytes, by the partition's number; containers of logical partitions too.
        starts: bytes, by the partition's number; never of logical ones or containers.
        id: the disk's new identifier, as in :class:`Label`.
        uuids: new PARTUUIDs by number; GPT only, those of an MBR follow from the disk's.
    """

    sizes: Mapping[int, int] = field(default_factory=dict)
    id: str = ""
    uuids: Mapping[int, str] = field(default_factory=dict)
    starts: Mapping[int, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.sizes or self.id or self.uuids or self.starts)


def edited(label: Label, edits: Edits) -> Label:
    """The label as it will be read afterwards."""

    def change(part: Partition) -> Partition:
        start, size = edits.starts.get(part.number, part.start), edits.sizes.get(part.number, part.size)
        name = edits.uuids.get(part.number, part.uuid)
        if edits.id and label.type is LabelType.MBR:
            name = f"{edits.id}-{part.number:02x}"
        return replace(part, start=start, size=size, uuid=name)

    return Label(label.type, edits.id or label.id, tuple(map(change, label.partitions)))


def _check_place(part: Partition, size: int, sector_size: int) -> None:
    if part.size <= 0 or part.size % sector_size or part.start % sector_size:
        raise LabelError(
            f"partition {part.number} has {part.size} bytes from byte {part.start}: no whole sectors", REPAIR
        )
    if part.end > size:
        raise LabelError(f"partition {part.number} ends at byte {part.end}, the disk at {size}", REPAIR)


def _check_apart(parts: Iterable[Partition]) -> None:
    for before, part in pairwise(sorted(parts, key=lambda p: p.start)):
        if part.start < before.end:
            raise LabelError(f"partitions {before.number} and {part.number} overlap", REPAIR)
