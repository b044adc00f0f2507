"""What an image can do without: swap files of Linux, page files and the hibernation file of Windows.

Found by the names that systems give them, and by fstab; a Linux swap file also has to hold a swap area. Their
content is left out only if the file system's own tool says plainly where it lies, and the map of used blocks
agrees. Reads, and never writes. The caller decides what becomes of the spans.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from initramfs.imaging.errors import Unmapped
from initramfs.imaging.filesystem.file_map import FILE_MAP_TOOLS, PLAIN, FileMap, find_file
from initramfs.imaging.format.chunk import KIB, MIB
from initramfs.imaging.label.model import Reader
from initramfs.imaging.spans import Span, merge, subtract, total

LINUX = ("/swapfile", "/swap.img", "/swap", "/swap/swapfile", "/var/swap", "/var/swapfile")
"""Where distributions put their swap file; other places are read from fstab."""
HIBERNATION = "/hiberfil.sys"
WINDOWS = ("/pagefile.sys", "/swapfile.sys", HIBERNATION)
FSTAB = "/etc/fstab"
FSTAB_SIZE = 64 * KIB
"""Not more of an fstab is read, and not more than so many of its swap files are looked for."""
FSTAB_FILES = 32

PAGES = tuple(size * KIB for size in (4, 8, 16, 32, 64))
"""The pages of all Linux: a swap area begins with one, and its signature ends that."""
SIGNATURE = 10
SWAP = (b"SWAPSPACE2", b"SWAP-SPACE")
SLEEPING = (b"S1SUSPEND", b"S2SUSPEND", b"ULSUSPEND", b"LINHIB0001")
"""Stand there instead while a hibernated system lies in it."""
HIBERNATED = (b"hibr", b"HIBR")
"""The first bytes of a hiberfil.sys that Windows would go on from."""
COLD = "; a hibernated system lies in it, which will start cold"


@dataclass(slots=True)
class LeftOut:
    """Spans of a file system whose content an image does not keep, sorted, and what people should know."""

    spans: list[Span] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def left_out(kind: str, part: Path, read: Reader, used: list[Span]) -> LeftOut:
    """What can be left out of the file system ``kind`` (blkid's name) on ``part``.

    ``read`` starts at it; ``used`` is its map of used blocks. Raises ToolError, DeviceError.
    """
    found = LeftOut()
    if kind not in FILE_MAP_TOOLS:
        if kind in ("btrfs", "f2fs"):
            found.notes.append("swap files are not looked for in it, and kept")
        return found
    for path in WINDOWS if kind == "ntfs" else dict.fromkeys((*LINUX, *_from_fstab(kind, part, read))):
        try:
            file = find_file(kind, part, path)
            if file is not None:
                spans, note = _of_windows(file, read) if kind == "ntfs" else _of_linux(file, read)
                _agree(spans, used)
                found.spans += spans
                found.notes.append(f"{path} left out, {total(spans) / MIB:.0f} MiB{note}")
        except Unmapped as reason:
            found.notes.append(f"{path} kept: {reason.message}")
    found.spans = merge(found.spans, max((end for _, end in found.spans), default=0))
    return found


def hibernated(part: Path, read: Reader) -> bool:
    """Whether Windows on this NTFS would go on from its hibernation file. Raises ToolError, DeviceError."""
    try:
        file = find_file("ntfs", part, HIBERNATION)
    except Unmapped:  # Windows itself could not use such a file
        return False
    return file is not None and file.read(read, 4) in HIBERNATED


def _of_windows(file: FileMap, read: Reader) -> tuple[list[Span], str]:
    """All of it: Windows makes these files anew, and starts cold from a hiberfil.sys of zeros."""
    return file.spans(), COLD if file.read(read, 4) in HIBERNATED else ""


def _of_linux(file: FileMap, read: Reader) -> tuple[list[Span], str]:
    """All but the page with the header, so that swapon takes it.

    Where that names a hibernated system, kernel and swapon put the signature back when they find no image
    of memory. Its file systems are in order, else they were refused before: it must not go on with what it
    remembers of them.
    """
    head = file.read(read, PAGES[-1])
    for page in PAGES:
        if head[:page].endswith(SWAP):
            return file.spans(page), ""
        if any(head.startswith(mark, page - SIGNATURE) for mark in SLEEPING):
            return file.spans(page), COLD
    raise Unmapped("it holds no swap area")


def _agree(spans: list[Span], used: list[Span]) -> None:
    if any(subtract(spans, used)):
        raise Unmapped("the map of used blocks says that parts of it are free")


def _from_fstab(kind: str, part: Path, read: Reader) -> list[str]:
    try:
        file = find_file(kind, part, FSTAB)
    except Unmapped:
        return []
    text = file.read(read, FSTAB_SIZE).decode(errors="replace") if file else ""
    return list(fstab_swap_files(text))[:FSTAB_FILES]


def fstab_swap_files(text: str) -> Iterator[str]:
    """The files that an fstab swaps to; those with unusual names are not told."""
    for line in text.splitlines():
        match line.split():
            case [path, _, "swap", *_] if PLAIN.fullmatch(path) and not path.startswith("/dev/"):
                yield path
            case _:
                pass
