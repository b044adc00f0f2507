"""``clonesys image import``: the file of another program becomes an image."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from provisioner.cli.bars import bar
from provisioner.cli.context import of
from provisioner.cli.image.adding import KIB, ChunkSize, Description, Force, Name, User, print_added
from provisioner.cli.output import AsJson
from provisioner.commands.image.import_ import ImportImage, import_image
from provisioner.images.operations import Options


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A raw, qcow2 or partclone image, also .gz/.zst; a folder.")],
    name: Name,
    *,
    description: Description = "",
    user: User = "",
    chunk_size: ChunkSize = 1024,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Add an image from a raw file, a CloneSys .gz, qcow2, a partclone image or a Clonezilla folder."""
    ours, began = of(context), time.monotonic()
    wish = ImportImage(file, name, description, user, Options(chunk_size=chunk_size * KIB, force=force))
    with ours.appliance() as appliance, bar(quiet=as_json) as progress:
        added = import_image(appliance, ours.actor, wish, progress)
    print_added(added, time.monotonic() - began, as_json=as_json)
