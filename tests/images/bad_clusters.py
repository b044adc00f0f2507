"""Marking clusters of an NTFS as bad, as chkdsk does: a run in $BadClus:$Bad and bits in $Bitmap.

For volumes that mkntfs has just made: each of both has one run.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

BITMAP, BAD = 6, 8
DATA = 0x80
STRIDE = 512


@dataclass
class _Volume:
    path: Path
    cluster: int
    table: int
    record: int
    clusters: int

    def load(self, number: int) -> bytearray:
        """A record with the ends of its sectors put back."""
        with self.path.open("rb") as file:
            file.seek(self.table + number * self.record)
            raw = bytearray(file.read(self.record))
        at = struct.unpack_from("<H", raw, 4)[0]
        for end in range(STRIDE, self.record + 1, STRIDE):
            raw[end - 2 : end] = raw[at + 2 * (end // STRIDE) : at + 2 * (end // STRIDE) + 2]
        return raw

    def store(self, number: int, raw: bytearray) -> None:
        """Write it with its update sequence."""
        at = struct.unpack_from("<H", raw, 4)[0]
        for end in range(STRIDE, self.record + 1, STRIDE):
            raw[at + 2 * (end // STRIDE) : at + 2 * (end // STRIDE) + 2] = raw[end - 2 : end]
            raw[end - 2 : end] = raw[at : at + 2]
        self.write(self.table + number * self.record, raw)

    def write(self, at: int, data: bytes | bytearray) -> None:
        """Anywhere."""
        with self.path.open("r+b") as file:
            file.seek(at)
            file.write(data)


def mark_bad(path: Path, first: int, count: int) -> None:
    """Mark ``count`` free clusters from number ``first`` on."""
    volume = _open(path)
    record = volume.load(BAD)
    at = _attribute(record, named=True)
    pairs = at + struct.unpack_from("<H", record, at + 32)[0]
    runs = _run(first) + _run(count, first) + _run(volume.clusters - first - count) + b"\0"
    size = -(-(pairs - at + len(runs)) // 8) * 8
    end = struct.pack("<II", 0xFFFFFFFF, 0)
    record[pairs : at + size + 8] = runs.ljust(at + size - pairs, b"\0") + end
    struct.pack_into("<I", record, at + 4, size)
    struct.pack_into("<I", record, 24, at + size + 8)
    volume.store(BAD, record)
    _allocate(volume, first, count)


def allocate(path: Path, first: int, count: int) -> None:
    """Mark free clusters as in use that belong to no file."""
    _allocate(_open(path), first, count)


def _open(path: Path) -> _Volume:
    boot = path.read_bytes()[:STRIDE]
    sector, sectors = struct.unpack_from("<HB", boot, 11)
    cluster, size = sector * sectors, struct.unpack_from("<b", boot, 64)[0]
    total, table = struct.unpack_from("<QQ", boot, 40)
    return _Volume(
        path, cluster, table * cluster, 1 << -size if size < 0 else size * cluster, total // sectors
    )


def _attribute(record: bytearray, *, named: bool) -> int:
    """Where the attribute with the content begins."""
    at = struct.unpack_from("<H", record, 20)[0]
    while struct.unpack_from("<I", record, at)[0] != DATA or bool(record[at + 9]) != named:
        at += struct.unpack_from("<I", record, at + 4)[0]
    return int(at)


def _run(length: int, place: int | None = None) -> bytes:
    """A mapping pair; without a place, a hole."""
    size = length.bit_length() // 8 + 1
    far = place.bit_length() // 8 + 1 if place is not None else 0
    where = place.to_bytes(far, "little", signed=True) if place is not None else b""
    return bytes([far << 4 | size]) + length.to_bytes(size, "little") + where


def _allocate(volume: _Volume, first: int, count: int) -> None:
    record = volume.load(BITMAP)
    at = _attribute(record, named=False)
    pairs = at + struct.unpack_from("<H", record, at + 32)[0]
    size, far = record[pairs] & 15, record[pairs] >> 4
    place = int.from_bytes(record[pairs + 1 + size : pairs + 1 + size + far], "little", signed=True)
    for cluster in range(first, first + count):
        byte = place * volume.cluster + cluster // 8
        with volume.path.open("rb") as file:
            file.seek(byte)
            held = file.read(1)[0]
        volume.write(byte, bytes([held | 1 << cluster % 8]))
