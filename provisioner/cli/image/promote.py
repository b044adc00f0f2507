"""``clonesys image promote``: which generation hosts get."""

from __future__ import annotations

from typing import Annotated

import typer

from provisioner.cli import completing
from provisioner.cli.context import of
from provisioner.cli.output import AsJson, print_json, say
from provisioner.commands.image.promote import PromoteImage, promote_image


def promote(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME@GENERATION", help="NAME@latest is the latest.", autocompletion=completing.images
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Let a generation be what hosts get, where 'images.track' says so."""
    ours = of(context)
    with ours.appliance() as appliance:
        done = promote_image(appliance, ours.actor, PromoteImage(name))
    if as_json:
        print_json({"image": str(done.image), "digest": done.image.digest.hex(), "before": done.before})
        return
    say(f"{done.image} is promoted" + (f", it was {done.image.name}@{done.before}" if done.before else ""))
