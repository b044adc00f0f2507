"""Which blocks of a partition are worth keeping.

partclone's map says it. What the map leaves out is added (exFAT, Btrfs); what it says wrongly, or not at
all, is kept whole: FAT12, a Btrfs on several devices, file systems that partclone cannot read. Swap areas
keep their header. A file system that was not left in order is refused, or with force kept whole: its own
map of free blocks may be wrong.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from initramfs.imaging.device.device import Device
from initramfs.imaging.device.loop import loop_device
from initramfs.imaging.errors import CaptureError, ToolError
from initramfs.imaging.filesystem import btrfs, fat
from initramfs.imaging.filesystem.probe import Found, probe, why_dirty
from initramfs.imaging.filesystem.swap_files import LeftOut, hibernated, left_out
from initramfs.imaging.format.chunk import KIB, MIB
from initramfs.imaging.label.model import Reader
from initramfs.imaging.run import run
from initramfs.imaging.spans import Span, merge, narrow, subtract

PARTCLONE = {
    "ext2": "extfs", "ext3": "extfs", "ext4": "extfs", "xfs": "xfs", "btrfs": "btrfs", "ntfs": "ntfs",
    "vfat": "fat", "exfat": "exfat", "f2fs": "f2fs", "hfsplus": "hfsplus", "apfs": "apfs", "minix": "minix",
}  # fmt: skip
"""blkid's name of a file system, and partclone's."""

EDGE = MIB
"""At both ends of a partition everything is kept: boot sectors and their copies, and where signatures
of RAID and volume managers lie, which must not come back from a disk's earlier life."""

MAP_ROW = re.compile(r"\s*(0x[0-9A-Fa-f]+)\s+(0x[0-9A-Fa-f]+)\s+([+?])\s*")

SWAP_HEADER = 64 * KIB
"""The largest page of any Linux: the header of a swap area is one page."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What to keep of a partition; spans relative to its start.

    Attributes:
        found: the file system.
        used: spans to read and keep.
        zeros: spans to record as zeros without reading.
        notes: for the manifest's warnings: what had to be overridden, what was left out.
    """

    found: Found
    used: list[Span]
    zeros: list[Span]
    notes: tuple[str, ...] = ()


def examine(
    device: Device, offset: int, size: int, *, force: bool = False, without_swap: bool = False
) -> Contents:
    """Look at one partition. Raises CaptureError if it is not in order, ToolError.

    ``without_swap`` makes zeros of what swap, page and hibernation files hold.
    """
    found = probe(device.path, offset, size)
    everything, unwanted = [(0, size)], LeftOut()
    if found.type in ("swap", "swsuspend") and not force:
        _refuse_dirty(found, device, offset)
        zeros = merge([(SWAP_HEADER, EDGE), (max(SWAP_HEADER, size - EDGE), size)], size)
        return Contents(found, [(0, min(SWAP_HEADER, size))], zeros)
    if found.type not in PARTCLONE:
        return Contents(found, everything, [])
    if _is_beyond_partclone(found.type, _reader(device, offset)):
        return Contents(found, everything, [])
    try:
        _refuse_dirty(found, device, offset)
        with _part(device, offset, size) as part:
            used = [*_map(part, size, found.type), *_missed(found.type, _reader(device, offset))]
            if without_swap:
                unwanted = left_out(found.type, part, _reader(device, offset), used)
            elif found.type == "ntfs":
                _refuse_hibernated(device, offset, part)
    except (CaptureError, ToolError) as error:
        if not force:
            raise _not_in_order(device.path, offset, found, error) from error
        return Contents(
            found, everything, [], (f"{found.type} at byte {offset} kept whole: {error.message}",)
        )
    edges = [(0, EDGE), (size - EDGE, size)] if size > EDGE else everything
    dropped = list(narrow(unwanted.spans, device.sector_size))
    kept = subtract(merge([*used, *edges], size, grain=device.sector_size), dropped)
    notes = tuple(f"{found.type} at byte {offset}: {note}" for note in unwanted.notes)
    return Contents(found, list(kept), dropped, notes)


def _is_beyond_partclone(kind: str, read: Reader) -> bool:
    """A Btrfs on several devices; FAT12, of whose clusters it leaves out a quarter. They are kept whole."""
    return (kind == "btrfs" and btrfs.devices(read) != 1) or (kind == "vfat" and fat.is_fat12(read(0, 512)))


def _missed(kind: str, read: Reader) -> list[Span]:
    """What is in use and partclone does not say."""
    match kind:
        case "btrfs":
            return list(btrfs.extents(read))
        case "exfat":
            return [fat.last_clusters(read(0, 512))]
        case _:
            return []


def _reader(device: Device, offset: int) -> Reader:
    return lambda at, length: device.read(offset + at, length)


def _refuse_dirty(found: Found, device: Device, offset: int) -> None:
    reason = why_dirty(found.type, _reader(device, offset))
    if reason:
        raise CaptureError(
            f"the {found.type} at byte {offset} of {device.path} was not left in order: {reason}",
            "shut the system down properly, or check the file system; force keeps it whole as it is",
        )


def _refuse_hibernated(device: Device, offset: int, part: Path) -> None:
    """Fast Startup hibernates Windows at every shutdown; no file system says so, only that file."""
    if hibernated(part, _reader(device, offset)):
        raise CaptureError(
            f"the ntfs at byte {offset} of {device.path} was not left in order: Windows is hibernated",
            "shut it down with 'shutdown /s /t 0', or turn Fast Startup off; or leave swap files out "
            "(--without-swap): it then starts cold; force keeps it whole as it is",
        )


def _not_in_order(path: Path, offset: int, found: Found, error: CaptureError | ToolError) -> CaptureError:
    if isinstance(error, CaptureError):
        return error
    return CaptureError(
        f"the {found.type} at byte {offset} of {path} is not in order: {error.message}",
        "check the file system; force keeps it whole as it is",
    )


def _map(part: Path, size: int, kind: str) -> list[Span]:
    """The map of used blocks by partclone. Raises ToolError, CaptureError."""
    with tempfile.TemporaryDirectory(prefix="partclone-") as folder:
        out, log = Path(folder, "map"), Path(folder, "log")
        sources = ("-s", str(part), "-o", str(out), "-L", str(log))
        try:
            if kind == "xfs":
                _check_log(part)
            run(f"partclone.{PARTCLONE[kind]}", "--domain", "--quiet", "--UI-fresh", "0", *sources)
            return parse_used_blocks(out.read_text(), size)
        except ToolError as error:
            raise ToolError(f"{error.message} | {_last_lines(log)}", error.hint) from error
        except OSError as error:
            raise ToolError(f"partclone left no map: {error}") from error


def parse_used_blocks(text: str, size: int) -> list[Span]:
    """The used spans of a partition of ``size`` bytes, sorted, from the map that ``partclone.<fs> -D`` makes.

    That is GNU ddrescue's "domain" log: lines of position and size in hexadecimal, ``+`` for used.
    What the map does not cover (the partition's end behind the file system: NTFS keeps the
    copy of its boot sector there) counts as used. Raises CaptureError.
    """
    used, end = [], 0
    for line in text.splitlines():
        row = MAP_ROW.fullmatch(line)
        if row is None:
            continue  # comments, and the line of the current position
        start, length = int(row[1], 16), int(row[2], 16)
        if start != end:
            raise CaptureError(f"partclone's map makes no sense: a gap at {end}, before {line!r}")
        end = start + length
        if row[3] == "+":
            used.append((start, end))
    if end < size:
        used.append((end, size))
    return merge(used, size)


def _check_log(part: Path) -> None:
    """XFS keeps the state of its log in the log: only xfsprogs can tell."""
    if "state: <DIRTY>" in run("xfs_logprint", "-t", str(part)).stdout:
        raise CaptureError(
            f"the xfs on {part} was not left in order: its log must be replayed",
            "mount and unmount it once; force keeps it whole as it is",
        )


@contextmanager
def _part(device: Device, offset: int, size: int) -> Iterator[Path]:
    """The partition as something that partclone opens; a bare one in a file is that already."""
    if offset == 0 and size == device.size:
        yield device.path
    else:
        with loop_device(device.path, offset, size) as loop:
            yield loop


def _last_lines(log: Path) -> str:
    try:
        return " | ".join(log.read_text(errors="replace").strip().splitlines()[-2:])
    except OSError:
        return ""
