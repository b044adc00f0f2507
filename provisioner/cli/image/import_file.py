"""``clonesys image import``: the file of another program becomes an image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from provisioner.base.home import Home
from provisioner.cli.context import of
from provisioner.cli.image.add import KIB, ChunkSize, Description, Force, Name, User, add, facts_of
from provisioner.cli.output import AsJson
from provisioner.images.formats.imports import raw_file
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
    home = of(context).home
    facts = facts_of(name, str(file), description, user)
    with raw_file(file, Home(home).store / "unpacked") as raw:
        add(of(context), raw, facts, Options(chunk_size=chunk_size * KIB, force=force), as_json=as_json)
