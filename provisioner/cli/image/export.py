"""``clonesys image export``: an image as a file for other programs."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from provisioner.cli.bars import bar
from provisioner.cli.context import of
from provisioner.cli.image.common import Image, done, numbers
from provisioner.cli.interrupts import leaving
from provisioner.cli.output import AsJson
from provisioner.commands.image.export import ExportImage, export_image
from provisioner.images.formats.exports import Format

LEFT = "no file was written, and the image is as it was"


def export(
    context: typer.Context,
    name: Image,
    file: Annotated[Path, typer.Argument(help="A new file, or a folder for one.")],
    *,
    form: Annotated[Format, typer.Option("--format", help="gz: as CloneSys kept them.")] = Format.RAW,
    as_json: AsJson = False,
) -> None:
    """Write an image as a raw (sparse), qcow2 or gzipped file."""
    ours, began = of(context), time.monotonic()
    with leaving(LEFT), ours.appliance() as appliance, bar(quiet=as_json) as progress:
        exported = export_image(appliance, ours.actor, ExportImage(name, file, form), progress)
    if exported.needs:
        sys.stderr.write(f"warning: the file does not tell what it is: import it with {exported.needs}\n")
    did = numbers(exported.counts) | {"import_needs": exported.needs}
    done(exported.reference, did, time.monotonic() - began, as_json=as_json)
