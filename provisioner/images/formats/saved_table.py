"""The partition table that an image's folder keeps: as sfdisk dumped it, or its own bytes.

Older folders have no dump of a GPT, since sfdisk could not make one before util-linux 2.26, and FOG did not
always keep one of an MBR.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from initramfs.imaging.device.loop import loop_device
from initramfs.imaging.errors import ToolError
from initramfs.imaging.format.chunk import MIB
from initramfs.imaging.label import read_label
from initramfs.imaging.label.gpt import GptHeader, move
from initramfs.imaging.label.mbr import entries
from initramfs.imaging.run import run
from provisioner.stores.errors import StoreError
from provisioner.stores.files import failing

SECTOR = 512
"""What boot code and binary copies of a GPT count in."""
GPT_ENTRIES = 16384
"""Bytes of the usual 128 entries, of which a backup lies at the disk's end."""
GPT_MAGIC = b"EFI PART"
HUGE = 1 << 62
LINE = re.compile(r"^\S*?(\d+)\s*:\s*start=\s*(\d+),\s*size=\s*(\d+)", re.MULTILINE)
LAST_LBA = re.compile(r"^last-lba:\s*(\d+)", re.MULTILINE)
SECTOR_SIZE = re.compile(r"^sector-size:\s*(\d+)", re.MULTILINE)
WHOLE = "is the folder whole?"


@dataclass(frozen=True, slots=True)
class SavedTable:
    """A table: ``dump`` is sfdisk's; without it, ``head`` is the disk's first bytes with the table."""

    name: str
    dump: str
    head: bytes = b""

    def __bool__(self) -> bool:
        return bool(self.dump or self.head)

    @property
    def sector_size(self) -> int:
        """The disk's, as the dump says; before sfdisk did (2.35), 512."""
        found = SECTOR_SIZE.search(self.dump)
        return int(found[1]) if found else SECTOR

    def sizes(self) -> dict[int, int]:
        """Bytes of each partition, by number. Raises LabelError."""
        if self.dump:
            return {int(part): int(size) * self.sector_size for part, _, size in LINE.findall(self.dump)}
        label = read_label(self._read, HUGE, SECTOR)
        return {area.number: area.size for area in label.areas} if label is not None else {}

    def disk_size(self) -> int:
        """Bytes of a disk that holds it: of a GPT as far as it reaches, else up to the last partition.

        Raises StoreError, LabelError.
        """
        step = self.sector_size
        if not self.dump and self._is_gpt():
            return (GptHeader.decode(self._read(SECTOR, SECTOR)).alternate_lba + 1) * SECTOR
        if last := LAST_LBA.search(self.dump):
            return (int(last[1]) + 1) * step + GPT_ENTRIES + step
        ends = [int(start) + int(size) for _, start, size in LINE.findall(self.dump)]
        if not self.dump:
            ends = [entry.start + entry.count for entry in entries(self.head[:SECTOR]) or ()]
        if not any(ends):
            raise StoreError(f"the partition table of {self.name} names no partition", WHOLE)
        room = GPT_ENTRIES + step if "label: gpt" in self.dump else 0
        return -(-(max(ends) * step + room) // MIB) * MIB

    def write(self, target: Path) -> None:
        """Write it to a file as large as the disk. Raises StoreError, LabelError."""
        if self.dump:
            self._by_sfdisk(target)
            return
        with failing("unpack", target), target.open("r+b") as file:
            if self._is_gpt():
                moved = move(self.head, SECTOR, target.stat().st_size)
                file.write(moved.head)
                file.seek(moved.tail_offset)
                file.write(moved.tail)
            else:
                file.write(self.head[:SECTOR])

    def _by_sfdisk(self, target: Path) -> None:
        options = ("--quiet", "--no-reread", "--no-tell-kernel", "--force", "--wipe", "never")
        try:
            if self.sector_size == SECTOR:
                run("sfdisk", *options, str(target), stdin=self.dump)
                return
            size = target.stat().st_size
            with loop_device(target, 0, size, writable=True, sector_size=self.sector_size) as loop:
                run("sfdisk", *options, str(loop), stdin=self.dump)
        except ToolError as error:
            raise StoreError(
                f"sfdisk does not take the partition table of {self.name}: {error.message}", WHOLE
            ) from error

    def _read(self, offset: int, length: int) -> bytes:
        return self.head[offset : offset + length]

    def _is_gpt(self) -> bool:
        return self.head.startswith(GPT_MAGIC, SECTOR)
