"""``clonesys image rm``: an image that is no longer wanted."""

from __future__ import annotations

from typing import Annotated

import typer

from provisioner.cli.context import of
from provisioner.cli.image.common import Image, ask
from provisioner.cli.output import AsJson, print_json
from provisioner.commands.image.remove import RemoveImage, remove_image


def remove(
    context: typer.Context,
    name: Image,
    *,
    all_: Annotated[bool, typer.Option("--all", help="All generations.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a generation of an image. Its chunks stay until 'image gc'."""
    ours = of(context)
    with ours.appliance() as appliance:
        store = appliance.store
        reference = store.resolve(name)
        generations = store.generations(reference.name) if all_ else [reference.generation]
        gone = tuple(store.resolve(f"{reference.name}@{number}") for number in generations)
        if not yes:
            ask(f"Remove {', '.join(map(str, gone))}?")
        remove_image(appliance, ours.actor, RemoveImage(gone))
    if as_json:
        print_json({"removed": [str(item) for item in gone]})
