"""``clonesys image capture``: a disk, a partition or a file of one becomes an image."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from provisioner.cli.bars import bar
from provisioner.cli.context import of
from provisioner.cli.image.adding import (
    KIB,
    ChunkSize,
    Description,
    Empty,
    Force,
    Name,
    SectorSize,
    User,
    print_added,
)
from provisioner.cli.image.common import Number
from provisioner.cli.interrupts import leaving
from provisioner.cli.output import AsJson
from provisioner.commands.image.capture import CaptureImage, capture_image
from provisioner.images.operations import Options

LEFT = "no generation was added, and nothing that was there has changed"


def capture(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="A disk, a partition, or a file that holds one.")],
    name: Name,
    *,
    partition: Number = None,
    empty: Empty = None,
    sector_size: SectorSize = None,
    description: Description = "",
    user: User = "",
    chunk_size: ChunkSize = 1024,
    level: Annotated[int, typer.Option(min=1, max=19, help="zstd's.")] = 3,
    force: Force = False,
    without_swap: Annotated[
        bool, typer.Option("--without-swap", help="Keep no content of swap, page and hibernation files.")
    ] = False,
    only_partitions: Annotated[
        bool, typer.Option("--only-partitions", help="Of a disk, only partitions, tables and boot code.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="The whole device as one piece, without looking into it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add an image, or its next generation: what is in use is read, what is known is not stored again."""
    ours, began = of(context), time.monotonic()
    options = Options(
        partition=partition,
        empty=tuple(empty or ()),
        chunk_size=chunk_size * KIB,
        level=level,
        force=force,
        without_swap=without_swap,
        only_partitions=only_partitions,
        raw=raw,
        sector_size=sector_size,
    )
    wish = CaptureImage(source, name, description, user, options)
    with leaving(LEFT), ours.appliance() as appliance, bar(quiet=as_json) as progress:
        added = capture_image(appliance, ours.actor, wish, progress)
    print_added(added, time.monotonic() - began, as_json=as_json)
