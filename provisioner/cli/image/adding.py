"""What ``clonesys image capture`` and ``import`` share: their options, and the numbers of a new image."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from initramfs.imaging.format.chunk import MAX_CHUNK, MIN_CHUNK
from provisioner.base.errors import InvalidError
from provisioner.cli.image.common import done
from provisioner.cli.output import harmless
from provisioner.images.operations import Added
from provisioner.images.sector_size import SIZES

KIB = 1 << 10

Name = Annotated[str, typer.Argument(help="In CloneSys style: sda5_Debian, sda_InitClone.")]
Description = Annotated[str, typer.Option(help="One line about it.")]
User = Annotated[str, typer.Option(help="Who does this; you, if not given.")]
Force = Annotated[bool, typer.Option("--force", help="Although it is mounted or not in order; recorded.")]


Empty = Annotated[list[int] | None, typer.Option(help="Partitions recorded as zeros (repeatable).")]


def sector_bytes(value: int | None) -> int | None:
    """A size that a disk's sectors have. Raises InvalidError."""
    if value is not None and value not in SIZES:
        raise InvalidError(f"no disk has sectors of {value} bytes", (), "--sector-size takes 512 or 4096")
    return value


SectorSize = Annotated[
    int | None,
    typer.Option(callback=sector_bytes, help="Of the disk in a file: 512 or 4096; recognised if it can be."),
]


def chunk_kib(value: int) -> int:
    """A size that chunks can have, checked before anything is read. Raises InvalidError."""
    if not MIN_CHUNK <= value * KIB <= MAX_CHUNK or value & (value - 1):
        raise InvalidError(
            f"a chunk cannot have {value} KiB", (), "--chunk-size takes a power of two from 64 to 4096"
        )
    return value


ChunkSize = Annotated[int, typer.Option(callback=chunk_kib, help="KiB: a power of two from 64 to 4096.")]


def print_added(added: Added, seconds: float, *, as_json: bool) -> None:
    """Print what was done, and warn of what the capture found."""
    for warning in added.header.warnings:
        sys.stderr.write(f"warning: {harmless(warning)}\n")
    count = added.counts
    did = {
        "bytes_read": count.bytes_read,
        "bytes_sent": count.bytes_sent,
        "bytes_written": count.bytes_sent,
        "bytes_skipped": count.bytes_skipped,
        "chunks": count.chunks,
        "chunks_sent": count.chunks_sent,
    }
    done(added.reference, did, seconds, as_json=as_json)
