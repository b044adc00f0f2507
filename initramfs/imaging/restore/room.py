"""How far a partition can grow, and what moves out of its way. No I/O, before anything is written.

Partitions stay where they are, but for those that only wait behind the one that grows: Windows' recovery and
reserved partitions, swap. Images are composed before they are written, so a move is a place, not a copy. What
has to be found where it was (a boot loader's blocks, an active partition, a logical one) never moves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.label.model import FIRST_LOGICAL, Label, LabelType, Partition

RECOVERY = {LabelType.GPT: "de94bba4-06d1-4d40-a16a-bfd50179d6ac", LabelType.MBR: "27"}
"""Windows' recovery environment, which setup has put behind C: since Windows 10."""
MICROSOFT_RESERVED = "e3c9e316-0b5c-4db8-817d-f92df00215ae"
"""Windows' reserved partition, which holds nothing. GPT only."""


@dataclass(frozen=True, slots=True)
class Room:
    """What changes so that a partition grows: bytes, by the partition's number.

    ``note`` says why nothing does, where something stands behind it; ``blocked``: it does so on any disk.
    """

    sizes: Mapping[int, int] = field(default_factory=dict)
    starts: Mapping[int, int] = field(default_factory=dict)
    note: str = ""
    blocked: bool = False


def is_windows_extra(label: Label, part: Partition) -> bool:
    """Whether this is a partition of Windows' own that lies behind the system's."""
    return part.type in (RECOVERY[label.type], MICROSOFT_RESERVED)


def movable(label: Label, kinds: Mapping[int, str]) -> frozenset[int]:
    """The numbers of partitions that may be moved; ``kinds``: their file systems, as blkid names them."""
    return frozenset(
        part.number
        for part in label.areas
        if not part.bootable
        and not label.is_logical(part)
        and (is_windows_extra(label, part) or kinds.get(part.number) == "swap")
    )


def room_for(label: Label, part: Partition, end: int, moving: Collection[int]) -> Room:
    """What ``part`` can take of a disk whose last partition must end at ``end``; ``moving``: who may move."""
    behind = sorted((p for p in label.partitions if p.start >= part.end), key=lambda p: p.start)
    able = not label.is_logical(part) and all(p.number in moving for p in behind)
    if able and (starts := _packed(behind, end)):
        return Room(_if_larger(part, _aligned(part, min(starts.values()))), starts)
    if sizes := _grown(label, part, end):
        return Room(sizes)
    if not behind:
        return Room()
    why = "and the disk has no room behind it" if able else "which does not move"
    other = behind[0]
    note = f"partition {part.number} is followed by partition {other.number} at byte {other.start}, {why}"
    return Room(note=f"{note}: there is no room to grow into", blocked=not able)


def _packed(parts: list[Partition], end: int) -> dict[int, int]:
    """Where they begin when they are as far back as possible, on whole MiB; nothing if that gains nothing."""
    starts = {}
    for part in reversed(parts):
        end = (end - part.size) // MIB * MIB
        starts[part.number] = end
    gained = all(starts[part.number] >= part.start + MIB for part in parts)
    return starts if gained else {}


def _grown(label: Label, part: Partition, end: int) -> dict[int, int]:
    """New sizes when ``part`` takes all that is free behind it, and its container with it."""
    if part == label.areas[-1] and any(p.start >= part.end for p in label.partitions):
        return {}  # an empty container follows: what lies in that gap must stay
    inside = label.container_of(part)
    if inside is not None:
        if any(p.number >= FIRST_LOGICAL and p.start >= part.end for p in label.areas):
            return {}  # another logical partition follows, and its record before it
        until = _until(label, inside, end)
        return _if_larger(part, until) | _if_larger(inside, until)
    return _if_larger(part, _until(label, part, end))


def _until(label: Label, part: Partition, end: int) -> int:
    """Where what follows ``part`` begins, containers included, on a whole MiB."""
    starts = [other.start for other in label.partitions if other.start >= part.end]
    return _aligned(part, min([*starts, end]))


def _aligned(part: Partition, end: int) -> int:
    """``end`` on a whole MiB, if ``part`` is not cut by that."""
    aligned = end - end % MIB
    return aligned if aligned >= part.end and aligned > part.start else end


def _if_larger(part: Partition, end: int) -> dict[int, int]:
    return {part.number: end - part.start} if end > part.end else {}
