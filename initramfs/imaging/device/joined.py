"""Pieces of a disk as one block device: a loop device for a single one, else device mapper.

A logical volume that was extended lies in several places.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from initramfs.imaging.device.loop import loop_device
from initramfs.imaging.label.model import Bounds
from initramfs.imaging.run import run

SECTOR = 512
"""Device mapper counts in these, whatever the disk's are."""


@contextmanager
def joined_device(disk: Path, pieces: Sequence[Bounds], *, writable: bool = False) -> Iterator[Path]:
    """A block device over ``pieces`` of ``disk`` in a row, gone at the end. Raises ToolError."""
    start, end = min(piece.start for piece in pieces), max(piece.end for piece in pieces)
    with loop_device(disk, start, end - start, writable=writable) as loop:
        if len(pieces) == 1:
            yield loop
            return
        name = f"clonesys-{secrets.token_hex(8)}"
        mode = () if writable else ("--readonly",)
        # nothing here runs udev: it is not waited for, and the node is the kernel's own, not a link
        run("dmsetup", "create", "--noudevsync", *mode, name, stdin=table(loop, start, pieces))
        try:
            node = run("dmsetup", "info", "-c", "--noheadings", "-o", "blkdevname", name).stdout.strip()
            yield Path("/dev", node)
        finally:
            run("dmsetup", "remove", "--retry", "--noudevsync", name)


def table(device: Path, start: int, pieces: Sequence[Bounds]) -> str:
    """For device mapper: each piece, where ``device`` begins at byte ``start`` of the disk."""
    lines, at = [], 0
    for piece in pieces:
        lines.append(f"{at} {piece.size // SECTOR} linear {device} {(piece.start - start) // SECTOR}\n")
        at += piece.size // SECTOR
    return "".join(lines)
