"""The archives that the kernel unpacks: "newc" cpio (its early-userspace/buffer-format.rst), and zstd.

The same bytes from every run for the same entries: sorted, inodes numbered from one, all
owned by root, one fixed time, and a compression that does not depend on the machine. Must not
know where entries come from.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import zstandard

MAGIC = b"070701"
TRAILER = "TRAILER!!!"
ALIGNMENT = 4
TIME = 0
"""Every file's modification time. The epoch: nothing in the image is older or newer than anything else."""
LEVEL = 19
"""Of zstd. Asks the kernel for a window of 8 MiB, which a machine with little memory can spare."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, directory or link. ``path`` is relative, without a leading slash.

    ``data`` is a file's content or a link's target; ``mode`` has the type bits of ``stat``.
    """

    path: str
    mode: int
    data: bytes = b""


def directory(path: str) -> Entry:
    """A directory that all may enter."""
    return Entry(path, stat.S_IFDIR | 0o755)


def file(path: str, data: bytes, *, executable: bool = False) -> Entry:
    """A file that all may read."""
    return Entry(path, stat.S_IFREG | (0o755 if executable else 0o644), data)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def pack(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The archive, piece by piece. Parents come before what is in them, as the kernel needs it."""
    ordered = sorted(entries, key=lambda entry: entry.path.split("/"))
    for inode, entry in enumerate(ordered, start=1):
        yield _member(entry, inode)
    yield _member(Entry(TRAILER, 0), 0)


def compress(pieces: Iterable[bytes], target: BinaryIO, *, threads: int = 0) -> None:
    """Write ``pieces`` to ``target`` as one zstd frame; ``threads`` is 0 for one per processor.

    The kernel reads a frame as a stream and allocates its window (lib/decompress_unzstd.c).
    Compression by several threads cuts the input into jobs whose size does not depend on
    their number, but differs from what no threads give: so there is always at least one.
    """
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL, threads=threads or os.cpu_count() or 1, write_checksum=True
    )
    with zstandard.ZstdCompressor(compression_params=parameters).stream_writer(
        target, closefd=False
    ) as writer:
        for piece in pieces:
            writer.write(piece)


def padded(data: bytes) -> bytes:
    """``data`` with zeros up to the next multiple of four: where the kernel looks for a next archive."""
    return data + bytes(-len(data) % ALIGNMENT)


def _member(entry: Entry, inode: int) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    owner = device = checksum = 0
    numbers = (
        inode,
        entry.mode,
        owner,
        owner,
        links,
        TIME,
        len(entry.data),
        device,
        device,
        device,
        device,
        len(name),
        checksum,
    )
    header = MAGIC + b"".join(b"%08X" % number for number in numbers)
    return padded(header + name) + padded(entry.data)
