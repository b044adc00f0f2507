"""What of the images is looked at before the first write: a few chunks that decide what can be done.

A manifest records most of it. Images of before it did are asked themselves; and where a GPT keeps its entries
stands only in the GPT. :mod:`~initramfs.imaging.restore.compose` takes the answers and does no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from shutil import which
from typing import TYPE_CHECKING

from initramfs.imaging.errors import LabelError
from initramfs.imaging.filesystem.facts import Facts, facts_of
from initramfs.imaging.filesystem.limits import GROWING
from initramfs.imaging.format.header import Filesystem, Kind
from initramfs.imaging.format.reader import ImageReader
from initramfs.imaging.label.gpt import GptHeader
from initramfs.imaging.label.mbr import is_hybrid
from initramfs.imaging.label.model import Bare, LabelType, PartitionNumber, bounds_of

if TYPE_CHECKING:
    from initramfs.imaging.format.manifest import Manifest
    from initramfs.imaging.format.source import ChunkSource


@dataclass(frozen=True, slots=True)
class Table:
    """A GPT's own size, in bytes: where its entries end, and how much its backup takes.

    ``hybrid``: the MBR in front of it names some of its partitions too.
    """

    end: int
    backup: int
    hybrid: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found. ``facts``: of the file system that is to grow; ``lacking``: programs for that."""

    facts: Facts | None = None
    lacking: tuple[str, ...] = ()
    table: Table | None = None


def look_ahead(
    source: ChunkSource, disk: Manifest | None, growing: tuple[Manifest, PartitionNumber] | None
) -> Seen:
    """Look at the images through ``source``; ``growing``: the partition to grow, and what holds its content.

    Raises Missing, Corrupt, Unavailable.
    """
    facts = facts_in(source, *growing) if growing is not None else None
    lacking = _lacking(*growing) if growing is not None else ()
    return Seen(facts, lacking, _table(source, disk) if disk is not None else None)


def _lacking(image: Manifest, number: PartitionNumber) -> tuple[str, ...]:
    found = filesystem_of(image, number)
    return tuple(tool for tool in GROWING.get(found.type if found else "", ()) if which(tool) is None)


def with_facts(
    source: ChunkSource,
    disk: Manifest | None,
    partition_images: Mapping[PartitionNumber, Manifest],
    filesystems: Mapping[PartitionNumber, Filesystem],
) -> dict[PartitionNumber, Filesystem]:
    """What will be written, with the facts that images of before lack. Raises as :func:`look_ahead`."""
    images = {number: partition_images.get(number, disk) for number in filesystems}
    return {
        number: replace(filesystems[number], facts=facts_in(source, image, number))
        for number, image in images.items()
        if image is not None
    }


def filesystem_of(image: Manifest, number: PartitionNumber) -> Filesystem | None:
    """The file system that an image has for a partition: an image of one partition has one for any number."""
    wanted = Bare.BARE if image.header.kind is Kind.PARTITION else number
    return next((found for found in image.header.filesystems if found.partition == wanted), None)


def facts_in(source: ChunkSource, image: Manifest, number: PartitionNumber) -> Facts | None:
    """The facts of a file system: those that the image records, else those that it shows.

    Raises Missing, Corrupt, Unavailable.
    """
    found, place = filesystem_of(image, number), bounds_of(number, image.header.label, image.header.size)
    if found is None or found.facts is not None:
        return found.facts if found is not None else None
    start = place.start if place is not None else 0
    reader = ImageReader(image, source)
    return facts_of(found.type, lambda offset, length: reader.read(start + offset, length))


def _table(source: ChunkSource, disk: Manifest) -> Table | None:
    header = disk.header
    if header.label is None or header.label.type is not LabelType.GPT:
        return None
    step, reader = header.sector_size, ImageReader(disk, source)
    try:
        found = GptHeader.decode(reader.read(step, step))
    except LabelError:
        return None  # told where it matters: when the table is moved
    sectors = found.table_sectors(step)
    return Table((found.entries_lba + sectors) * step, (sectors + 1) * step, is_hybrid(reader.read(0, step)))
