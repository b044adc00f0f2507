"""What differs between two images: by partition, in bytes and chunks. Pure; reads two indexes.

Ranges are the same if they lie at the same place, counted from their partition's start, with the same
content. Chunks are the same wherever they lie: they are stored and sent once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from initramfs.imaging.format.header import Kind
from initramfs.imaging.format.index import Range
from initramfs.imaging.label.model import Bare, PartitionNumber
from initramfs.imaging.spans import Span, merge

if TYPE_CHECKING:
    from initramfs.imaging.format.header import Header
    from initramfs.imaging.format.manifest import Manifest


class Outside(Enum):
    """Stands for what belongs to no partition: tables, boot code, gaps."""

    OUTSIDE = -1


Area = PartitionNumber | Outside
"""A partition, or what is in none."""
Place = tuple[int, int, bytes]
"""Offset from the partition's start, length, digest; 32 zero bytes for zeros."""


@dataclass(frozen=True, slots=True)
class PartitionDiff:
    """One partition, or what is in none. Bytes of data and zeros; chunks by content.

    Attributes:
        number: ``Bare`` in images of a partition.
        filesystem: as the newer image says, else the older one.
        same: bytes at the same place with the same content.
        removed: bytes that only the old image has so.
        added: bytes that only the new image has so.
        chunks_removed: chunks that the new image's partition no longer uses.
        chunks_added: chunks that the old image's partition does not use; what an update has to fetch.
        bytes_to_fetch: their content, not compressed.
    """

    number: Area
    filesystem: str
    same: int
    removed: int
    added: int
    chunks_removed: int
    chunks_added: int
    bytes_to_fetch: int

    @property
    def different(self) -> bool:
        """Whether anything is."""
        return bool(self.removed or self.added)


def diff_partitions(old: Manifest, new: Manifest) -> list[PartitionDiff]:
    """Every partition of either image, by number; what lies outside of partitions comes first."""
    before, after = _by_partition(old), _by_partition(new)
    names: dict[Area, str] = {**_filesystems(old.header), **_filesystems(new.header)}
    return [
        _compare(number, names.get(number, ""), before.get(number, set()), after.get(number, set()))
        for number in sorted({*before, *after}, key=_order)
    ]


def changed(old: Manifest, new: Manifest, number: Area) -> tuple[list[Span], list[Span]]:
    """What of a partition is different: spans in the old image and in the new, from the partition's start."""
    before = _by_partition(old).get(number, set())
    after = _by_partition(new).get(number, set())
    return _spans(before - after), _spans(after - before)


def _order(number: Area) -> int:
    return number.value if isinstance(number, Enum) else number


def _spans(places: set[Place]) -> list[Span]:
    return merge(((offset, offset + length) for offset, length, _ in places), 1 << 63)


def _compare(number: Area, filesystem: str, before: set[Place], after: set[Place]) -> PartitionDiff:
    chunks_before = {digest: length for _, length, digest in before if any(digest)}
    chunks_after = {digest: length for _, length, digest in after if any(digest)}
    fetched = chunks_after.keys() - chunks_before.keys()
    return PartitionDiff(
        number,
        filesystem,
        _bytes(before & after),
        _bytes(before - after),
        _bytes(after - before),
        len(chunks_before.keys() - chunks_after.keys()),
        len(fetched),
        sum(chunks_after[digest] for digest in fetched),
    )


def _bytes(places: set[Place]) -> int:
    return sum(length for _, length, _ in places)


def _by_partition(image: Manifest) -> dict[Area, set[Place]]:
    """Everything allocated, by the partition it lies in. No range crosses a border."""
    found: dict[Area, set[Place]] = {}
    for number, base, item in _placed(image):
        found.setdefault(number, set()).add((item.offset - base, item.length, item.digest))
    return found


def _placed(image: Manifest) -> Iterator[tuple[Area, int, Range]]:
    if image.header.kind is Kind.PARTITION:
        for item in image.index:
            yield Bare.BARE, 0, item
        return
    areas = list(image.header.label.areas) if image.header.label else []
    for item in image.index:
        while areas and areas[0].end <= item.offset:
            areas.pop(0)
        inside = areas[0] if areas and areas[0].start <= item.offset else None
        yield (inside.number, inside.start, item) if inside else (Outside.OUTSIDE, 0, item)


def _filesystems(header: Header) -> dict[Area, str]:
    return {system.partition: system.type for system in header.filesystems}
