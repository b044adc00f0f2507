"""The file systems in a partition: the one that it holds, or those in the logical volumes of LVM.

The volume group is not activated: see ``imaging.filesystem.lvm``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from initramfs.agent.errors import PlanError
from initramfs.imaging.device.joined import joined_device
from initramfs.imaging.device.mounting import mounted
from initramfs.imaging.filesystem.lvm import Volume, volume_group
from initramfs.imaging.filesystem.probe import probe
from initramfs.imaging.label.model import Bounds, Reader
from initramfs.messages.roots import FILESYSTEMS, LVM, OTHERS

PROBED = 1 << 20
"""Bytes at the start of a volume in which blkid finds what may be a root, or encrypted."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file system: its kind, as blkid has it, and where on the disk it lies; the name of LVM's volume."""

    kind: str
    pieces: tuple[Bounds, ...]
    volume: str = ""

    @contextmanager
    def mounted(self, disk: Path, *, read_only: bool = False) -> Iterator[Path]:
        """As :func:`~initramfs.imaging.device.mounting.mounted`, on a disk that need not have a label."""
        with (
            joined_device(disk, self.pieces, writable=not read_only) as device,
            mounted(device, self.kind, read_only=read_only) as top,
        ):
            yield top


def places_in(read: Reader, part: Bounds, kind: str) -> list[Place]:
    """What may hold a root in a partition that holds a ``kind``; ``read`` reads its disk.

    Raises LabelError for LVM whose metadata cannot be read.
    """
    if kind != LVM:
        return [Place(kind, (part,))]
    return [place for place in _places(read, part) if place.kind in FILESYSTEMS]


def check_volumes(read: Reader, part: Bounds, number: int) -> None:
    """Raises PlanError unless a logical volume in LVM's partition ``number`` may hold a Linux root."""
    group = volume_group(_from(read, part), part.size)
    if not any(place.kind in FILESYSTEMS for place in _places(read, part)):
        held = {place.volume: OTHERS.get(place.kind, place.kind) for place in _places(read, part)}
        said = "; ".join(f"{one.name}: {one.why or held[one.name]}" for one in group.volumes)
        raise PlanError(
            f"partition {number} cannot be personalised: of the volume group {group.name}, "
            f"none can be changed ({said or 'it has no volumes'})",
            "correct personalise.root in the profile, or leave [personalise] out",
        )


def _places(read: Reader, part: Bounds) -> Iterator[Place]:
    for volume in _within_reach(volume_group(_from(read, part), part.size).volumes):
        pieces = tuple(Bounds(part.start + piece.start, piece.size) for piece in volume.pieces)
        yield Place(_kind(read, pieces), pieces, volume.name)


def _within_reach(volumes: Iterable[Volume]) -> Iterator[Volume]:
    return (volume for volume in volumes if not volume.why)


def _kind(read: Reader, pieces: Iterable[Bounds]) -> str:
    """What blkid calls a volume by its first bytes."""
    content, size = b"", sum(piece.size for piece in pieces)
    for piece in pieces:
        content += read(piece.start, min(PROBED - len(content), piece.size))
        if len(content) >= PROBED:
            break
    with tempfile.NamedTemporaryFile(prefix="clonesys-") as file:
        file.write(content)
        file.truncate(size)
        file.flush()
        return probe(Path(file.name), 0, size).type


def _from(read: Reader, part: Bounds) -> Reader:
    return lambda at, length: read(part.start + at, min(length, max(part.size - at, 0)))
