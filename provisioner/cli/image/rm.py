"""``clonesys image rm``: an image that is no longer wanted."""

from __future__ import annotations

from typing import Annotated

import typer

from provisioner.cli.asking import Yes, ask
from provisioner.cli.context import of
from provisioner.cli.image.common import Image
from provisioner.cli.output import AsJson, print_json
from provisioner.commands.image.remove import RemoveImage, remove_image
from provisioner.stores.names import Reference


def remove(
    context: typer.Context,
    name: Image,
    *,
    all_: Annotated[bool, typer.Option("--all", help="All generations.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove a generation of an image. Its chunks stay until 'image gc'."""
    ours = of(context)

    def agree(images: tuple[Reference, ...]) -> None:
        if not yes:
            ask(f"Remove {', '.join(map(str, images))}?")

    with ours.appliance() as appliance:
        gone = remove_image(appliance, ours.actor, RemoveImage(name, all_), agree=agree)
    if as_json:
        print_json({"removed": [str(item) for item in gone]})
