"""``clonesys image mount | umount``: the files of an image in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from provisioner.base.errors import InvalidError
from provisioner.base.units import parse_partition
from provisioner.cli.context import of
from provisioner.cli.image.common import Image, load
from provisioner.cli.output import AsJson, print_json
from provisioner.images.browse import mounting


def mount(
    context: typer.Context,
    name: Image,
    where: Annotated[list[str], typer.Argument(metavar="[PARTITION] FOLDER", help="5 or sda5; a folder.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show the files of an image in a folder, read-only; nothing is unpacked beforehand."""
    if len(where) > 2:  # noqa: PLR2004 - the two of the metavar
        raise InvalidError("one partition and one folder, please", (), "image mount NAME [PARTITION] FOLDER")
    home = of(context).home
    image, _ = load(home, name)
    number = None
    if len(where) == 2:  # noqa: PLR2004 - likewise
        try:
            number = parse_partition(where[0])
        except ValueError as error:
            raise InvalidError(str(error), ()) from error
    mounting.mount(home, image.header, number, Path(where[-1]))
    if as_json:
        print_json({"image": image.title, "partition": number, "folder": where[-1]})


def umount(
    folder: Annotated[Path, typer.Argument(help="Where 'image mount' has mounted an image.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Take away what 'image mount' shows."""
    mounting.unmount(folder)
    if as_json:
        print_json({"unmounted": str(folder)})
