"""A whole disk as a sparse file: a partition table, and file systems laid into it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.images.filesystems import MIB, blank
from tests.lab.command import run

if TYPE_CHECKING:
    from pathlib import Path

SECTOR = 512


@dataclass(frozen=True, slots=True)
class Slot:
    """One line of a partition table. ``type`` is sfdisk's; size is MiB, 0 for all that is left."""

    number: int
    size: int
    type: str
    flags: str = ""

    def line(self, disk: Path) -> str:
        """The slot in sfdisk's script language."""
        size = f"size={self.size}MiB, " if self.size else ""
        return f"{disk}{self.number} : {size}type={self.type}{self.flags and ', ' + self.flags}"


def partition(disk: Path, size: int, label: str, slots: tuple[Slot, ...]) -> dict[int, int]:
    """Make ``disk`` (MiB) with a table of ``slots``; returns the first sector of each.

    ``label`` is the head of the sfdisk script, such as ``label: dos``.
    """
    blank(disk, size)
    script = "\n".join([label, *(slot.line(disk) for slot in slots)])
    run("sfdisk", "-q", "--no-reread", "--no-tell-kernel", disk, stdin=script)
    table = json.loads(run("sfdisk", "--json", disk))["partitiontable"]["partitions"]
    return {int(line["node"].removeprefix(str(disk))): line["start"] for line in table}


def insert(disk: Path, start: int, content: Path) -> None:
    """Lay the sparse file ``content`` onto ``disk`` from sector ``start`` on; holes stay holes."""
    with content.open("rb") as source, disk.open("r+b") as target:
        end = source.seek(0, os.SEEK_END)
        data = _next(source.fileno(), 0, os.SEEK_DATA, end)
        while data < end:
            hole = _next(source.fileno(), data, os.SEEK_HOLE, end)
            _copy(source.fileno(), target.fileno(), data, hole, start * SECTOR)
            data = _next(source.fileno(), hole, os.SEEK_DATA, end)


def _next(file: int, position: int, what: int, end: int) -> int:
    try:
        return os.lseek(file, position, what)
    except OSError:  # ENXIO: no data behind ``position``
        return end


def _copy(source: int, target: int, begin: int, end: int, shift: int) -> None:
    for position in range(begin, end, MIB):
        piece = os.pread(source, min(MIB, end - position), position)
        os.pwrite(target, piece, position + shift)
