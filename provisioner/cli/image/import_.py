"""``clonesys image import``: the file of another program becomes an image."""

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
from provisioner.commands.image.import_ import ImportImage, import_image
from provisioner.images.formats.imports import Given
from provisioner.images.operations import Options

LEFT = "no generation was added, and nothing that was there has changed"


def import_(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="A raw file, a virtual machine's disk, a partclone image; a folder.")
    ],
    name: Name,
    *,
    given: Annotated[
        Given | None, typer.Option("--format", help="raw: take the content as it is, whatever it looks like.")
    ] = None,
    sector_size: SectorSize = None,
    disk: Annotated[str, typer.Option(help="Of a folder with several disks: sda, d1.")] = "",
    partition: Number = None,
    empty: Empty = None,
    description: Description = "",
    user: User = "",
    chunk_size: ChunkSize = 1024,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Add an image from a raw file, a CloneSys .gz, a virtual machine's disk, partclone, Clonezilla or FOG.

    Packed files and the first of several pieces will do; what is not known for certain is refused.
    """
    ours, began = of(context), time.monotonic()
    options = Options(partition, tuple(empty or ()), chunk_size * KIB, force=force, sector_size=sector_size)
    wish = ImportImage(file, name, description, user, options, given, disk)
    with leaving(LEFT), ours.appliance() as appliance, bar(quiet=as_json) as progress:
        added = import_image(appliance, ours.actor, wish, progress)
    print_added(added, time.monotonic() - began, as_json=as_json)
