"""What ``clonesys image capture`` and ``import`` share: a disk, or what holds one, becomes an image."""

from __future__ import annotations

import dataclasses
import getpass
import socket
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from initramfs.imaging.capture.capture import CaptureCounts, Facts
from initramfs.imaging.format.chunk import MAX_CHUNK, MIN_CHUNK
from provisioner.base.errors import ProvisionerError
from provisioner.cli.bars import bar
from provisioner.cli.context import Context
from provisioner.cli.image.common import done, store_of
from provisioner.images import operations
from provisioner.images.operations import Options
from provisioner.security.keys import load_private_key
from provisioner.stores.names import check_name

KIB = 1 << 10

Name = Annotated[str, typer.Argument(help="In CloneSys style: sda5_Debian, sda_InitClone.")]
Description = Annotated[str, typer.Option(help="One line for people.")]
User = Annotated[str, typer.Option(help="Who does this; you, if not given.")]
Force = Annotated[bool, typer.Option("--force", help="Although it is mounted or not in order; recorded.")]


def chunk_kib(value: int) -> int:
    """A size that chunks can have, checked before anything is read. Raises ProvisionerError."""
    if not MIN_CHUNK <= value * KIB <= MAX_CHUNK or value & (value - 1):
        raise ProvisionerError(
            f"a chunk cannot have {value} KiB", "--chunk-size takes a power of two from 64 to 4096"
        )
    return value


ChunkSize = Annotated[int, typer.Option(callback=chunk_kib, help="KiB: a power of two from 64 to 4096.")]


def facts_of(name: str, source: str, description: str, user: str) -> Facts:
    """What is noted about an image that comes from ``source`` on this machine, now. Raises ImageNameError."""
    origin = f"{socket.gethostname()}:{source}"
    return Facts(check_name(name), description, origin, user or getpass.getuser(), int(time.time()))


def add(context: Context, source: Path, facts: Facts, options: Options, *, as_json: bool) -> None:
    """Capture ``source`` as the next generation, and print what was done. Raises DiskError, StoreError."""
    began = time.monotonic()
    key = load_private_key(context.home)
    with bar(quiet=as_json) as progress:
        options = dataclasses.replace(options, progress=progress)
        reference, header, count = operations.add_image(store_of(context.home), key, source, facts, options)
    for warning in header.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    done(reference, _counted(count), time.monotonic() - began, as_json=as_json)


def _counted(count: CaptureCounts) -> dict[str, int]:
    return {
        "bytes_read": count.bytes_read,
        "bytes_sent": count.bytes_sent,
        "bytes_written": count.bytes_sent,
        "bytes_skipped": count.bytes_skipped,
        "chunks": count.chunks,
        "chunks_sent": count.chunks_sent,
    }
