"""The names of the files in a FAT: what firmware would find on an EFI system partition. Pure.

See Microsoft's FAT specification of 2005, and UEFI 2.10 §13.3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from initramfs.imaging.filesystem.fat import FAT16_CLUSTERS
from initramfs.imaging.label.model import Reader

FAT32_CLUSTERS = 65525
ENTRY, NAME = 32, 11
END, DELETED, LONG, VOLUME, FOLDER = 0x00, 0xE5, 0x0F, 0x08, 0x10
PIECES = ((1, 11), (14, 26), (28, 32))
"""Where in an entry the characters of a long name stand."""
ORDER = 0x3F
LOWER_BASE, LOWER_EXTENSION = 0x08, 0x10
"""Windows NT's bits for short names of one case, which mtools and Linux write too."""
LARGEST = 1 << 21
"""Bytes of a folder: the specification's bound."""
DEPTH = 6


def files(read: Reader) -> list[str]:
    """The paths of all files, down to a depth that no boot loader lies below; empty if this is no FAT."""
    try:
        return list(_Fat(read).files())
    except (struct.error, ZeroDivisionError, IndexError):
        return []


class _Fat:
    """One file system; ``read`` starts at it."""

    def __init__(self, read: Reader) -> None:
        boot = read(0, 512)
        sector, per_cluster, reserved, fats, root, few, fat16 = struct.unpack_from("<HBHBHH1xH", boot, 11)
        many, fat32, _, _, self._root = struct.unpack_from("<IIHHI", boot, 32)
        fat = fat16 or fat32
        self._seen: set[int] = set()
        self._read, self._cluster, self._table = read, sector * per_cluster, reserved * sector
        self._folder = (self._table + fats * fat * sector, root * ENTRY)
        self._data = self._folder[0] + -(-root * ENTRY // sector) * sector
        clusters = ((few or many) - self._data // sector) // per_cluster
        self._bits = 12 if clusters < FAT16_CLUSTERS else 16 if clusters < FAT32_CLUSTERS else 32

    def files(self) -> Iterator[str]:
        """Every file's path, with the names as they are shown."""
        top = self._chain(self._root) if self._bits == 32 else self._read(*self._folder)  # noqa: PLR2004
        yield from self._below(top, "", DEPTH)

    def _below(self, folder: bytes, path: str, depth: int) -> Iterator[str]:
        for name, attributes, cluster in _entries(folder):
            if not attributes & FOLDER:
                yield f"{path}{name}"
            elif depth and cluster not in self._seen:
                self._seen.add(cluster)  # folders that lead to each other have no end
                yield from self._below(self._chain(cluster), f"{path}{name}/", depth - 1)

    def _chain(self, cluster: int) -> bytes:
        """The content of a folder from its first cluster on."""
        content = bytearray()
        last = {12: 0xFF8, 16: 0xFFF8, 32: 0xFFFFFF8}[self._bits]
        while 2 <= cluster < last and len(content) < LARGEST:  # noqa: PLR2004 - where clusters begin
            content += self._read(self._data + (cluster - 2) * self._cluster, self._cluster)
            cluster = self._next(cluster)
        return bytes(content)

    def _next(self, cluster: int) -> int:
        at = self._table + cluster * self._bits // 8
        value: int = struct.unpack("<I", self._read(at, 4))[0]
        if self._bits == 12:  # noqa: PLR2004
            return value >> 4 & 0xFFF if cluster & 1 else value & 0xFFF
        return value & (0xFFFF if self._bits == 16 else 0xFFFFFFF)  # noqa: PLR2004


def _entries(folder: bytes) -> Iterator[tuple[str, int, int]]:
    """Name, attributes and first cluster of what a folder holds, without itself and the one above."""
    long: dict[int, str] = {}
    for at in range(0, len(folder), ENTRY):
        entry = folder[at : at + ENTRY]
        if entry[0] == END:
            return
        attributes = entry[11]
        if entry[0] == DELETED:
            long.clear()
        elif attributes & LONG == LONG:
            long[entry[0] & ORDER] = b"".join(entry[a:b] for a, b in PIECES).decode("utf-16-le", "replace")
        else:
            name = "".join(long[number] for number in sorted(long)).partition("\0")[0] or _short(entry)
            long.clear()
            if not attributes & VOLUME and name not in (".", ".."):
                high, low = struct.unpack_from("<H4xH", entry, 20)
                yield name, attributes, high << 16 | low


def _short(entry: bytes) -> str:
    base, extension = (part.rstrip().decode("cp437") for part in (entry[:8], entry[8:NAME]))
    base = base.lower() if entry[12] & LOWER_BASE else base
    extension = extension.lower() if entry[12] & LOWER_EXTENSION else extension
    return f"{base}.{extension}" if extension else base
