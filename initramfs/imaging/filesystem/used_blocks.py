"""Which blocks of a partition are worth keeping.

``map_sources`` says who tells it for which file system, and up to where. What partclone's map leaves out is
added (exFAT, Btrfs); what is in order and cannot be read is kept whole, and the image says why. Swap areas
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
from initramfs.imaging.errors import CaptureError, ToolError, ToolMissingError
from initramfs.imaging.filesystem import btrfs, fat, xfs
from initramfs.imaging.filesystem.facts import facts_of
from initramfs.imaging.filesystem.map_sources import MAP_SOURCES
from initramfs.imaging.filesystem.probe import Found, probe, why_dirty
from initramfs.imaging.filesystem.swap_files import LeftOut, hibernated, left_out
from initramfs.imaging.format.chunk import KIB, MIB
from initramfs.imaging.run import run
from initramfs.imaging.spans import Span, merge, narrow, subtract

SWAP = ("swap", "swsuspend")
READ_ONLY = ("iso9660", "udf", "squashfs", "erofs", "cramfs", "romfs")
"""File systems that are always in order, and full: nothing is to be said where they are kept whole."""

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
    part = _Part(device, offset, size, probe(device.path, offset, size))
    try:
        _refuse_dirty(part)
        if part.kind in SWAP:
            zeros = merge([(SWAP_HEADER, EDGE), (max(SWAP_HEADER, size - EDGE), size)], size)
            return Contents(part.found, [(0, min(SWAP_HEADER, size))], zeros)
        why = _why_whole(part)
        if not why and part.kind in MAP_SOURCES:
            return _in_use(part, without_swap=without_swap)
    except _UnreadableError as error:
        why = error.message
    except (CaptureError, ToolError) as error:
        if not force:
            raise
        why = error.message
    return Contents(part.found, [(0, size)], [], (f"{part.place} kept whole: {why}",) if why else ())


@dataclass(frozen=True, slots=True)
class _Part:
    """A partition that is looked at."""

    device: Device
    offset: int
    size: int
    found: Found

    @property
    def kind(self) -> str:
        """What lies in it, as blkid names it."""
        return self.found.type

    def read(self, at: int, length: int) -> bytes:
        """A reader that starts at it."""
        return self.device.read(self.offset + at, min(length, max(0, self.size - at)))

    @property
    def place(self) -> str:
        """What lies where, for the manifest's notes."""
        return f"{self.kind or 'what lies'} at byte {self.offset}"

    @contextmanager
    def opened(self) -> Iterator[Path]:
        """As something that partclone opens; a bare file system in a file is that already."""
        if self.offset == 0 and self.size == self.device.size:
            yield self.device.path
        else:
            with loop_device(self.device.path, self.offset, self.size) as loop:
                yield loop


class _UnreadableError(ToolError):
    """What lies there is in order by its own word, and its map cannot be read."""


def _why_whole(part: _Part) -> str:
    """Why all of it is kept; an empty text where its map tells, or where nothing is to be said."""
    if part.found.ambivalent:
        return "it bears the signatures of several kinds of content"
    source = MAP_SOURCES.get(part.kind)
    if source is not None:
        return source.why_whole(part.read)
    match part.found.usage:
        case "filesystem":
            return "" if part.kind in READ_ONLY else "what of it is in use cannot be read here"
        case "raid" | "crypto":
            return "what of its inside is in use cannot be read here"
        case _:
            return ""


def _in_use(part: _Part, *, without_swap: bool) -> Contents:
    with part.opened() as path:
        used = list(_map(part, path))
        unwanted = LeftOut()
        if without_swap:
            unwanted = left_out(part.kind, path, part.read, used)
        elif part.kind == "ntfs":
            _refuse_hibernated(part, path)
    edges = [(0, EDGE), (part.size - EDGE, part.size)] if part.size > EDGE else [(0, part.size)]
    dropped = list(narrow(unwanted.spans, part.device.sector_size))
    kept = subtract(merge([*used, *edges], part.size, grain=part.device.sector_size), dropped)
    notes = tuple(f"{part.place}: {note}" for note in (*unwanted.notes, *_elsewhere(part)))
    return Contents(part.found, list(kept), dropped, notes)


def _map(part: _Part, path: Path) -> list[Span]:
    """What is in use. Raises CaptureError, ToolError."""
    if part.kind == "xfs":
        _check_log(part, path)
        return list(subtract([(0, part.size)], xfs.free(part.read)))
    used = _ask_partclone(part, path)
    match part.kind:
        case "btrfs":
            used += btrfs.extents(part.read)
        case "exfat":
            used.append(fat.last_clusters(part.read(0, 512)))
    return used


def _ask_partclone(part: _Part, path: Path) -> list[Span]:
    source = MAP_SOURCES[part.kind]
    try:
        with tempfile.TemporaryDirectory(prefix="partclone-") as folder:
            out, log = Path(folder, "map"), Path(folder, "log")
            run(
                f"partclone.{source.partclone}", "--domain", "--quiet", "--UI-fresh", "0",
                *source.options, "-s", str(path), "-o", str(out), "-L", str(log),
            )  # fmt: skip
            return parse_used_blocks(out.read_text(), part.size)
    except ToolMissingError:
        raise
    except (ToolError, OSError) as error:
        if source.judged:
            raise _UnreadableError(f"it cannot be read here: {_told(error)}") from error
        raise CaptureError(
            f"the {part.kind} at byte {part.offset} of {part.device.path} is not in order: {_told(error)}",
            "check the file system; force keeps it whole as it is",
        ) from error


def _told(error: ToolError | OSError) -> str:
    return error.message if isinstance(error, ToolError) else f"partclone left no map: {error}"


def _elsewhere(part: _Part) -> Iterator[str]:
    """What of it lies on other devices, which this image does not hold."""
    facts = facts_of(part.kind, part.read) or {}
    if facts.get("external_journal"):
        yield "its journal lies on another device, which has to be captured, too"
    if facts.get("realtime"):
        yield "some of its files lie on a real-time device, which has to be captured, too"


def _refuse_dirty(part: _Part) -> None:
    reason = why_dirty(part.kind, part.read)
    if reason:
        raise CaptureError(
            f"the {part.kind} at byte {part.offset} of {part.device.path} was not left in order: {reason}",
            "shut the system down properly, or check the file system; force keeps it whole as it is",
        )


def _refuse_hibernated(part: _Part, path: Path) -> None:
    """Fast Startup hibernates Windows at every shutdown; no file system says so, only that file."""
    if hibernated(path, part.read):
        raise CaptureError(
            f"the ntfs at byte {part.offset} of {part.device.path} was not left in order: "
            "Windows is hibernated",
            "shut it down with 'shutdown /s /t 0', or turn Fast Startup off; or leave swap files out "
            "(--without-swap): it then starts cold; force keeps it whole as it is",
        )


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


def _check_log(part: _Part, path: Path) -> None:
    """XFS keeps the state of its log in the log: only xfsprogs can tell. Raises CaptureError, ToolError."""
    try:
        said = run("xfs_logprint", "-t", str(path)).stdout
    except ToolMissingError:
        raise
    except ToolError as error:
        reason = f"its log cannot be read: {error.message}"
    else:
        if "state: <DIRTY>" not in said:
            return
        reason = "its log must be replayed"
    raise CaptureError(
        f"the xfs at byte {part.offset} of {part.device.path} was not left in order: {reason}",
        "mount and unmount it once; force keeps it whole as it is",
    )
