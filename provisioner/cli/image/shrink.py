"""``clonesys image shrink``: a smaller version of an image, for smaller disks."""

from __future__ import annotations

import dataclasses
import time
from typing import Annotated

import typer

from provisioner.base.errors import InvalidError
from provisioner.base.units import binary, parse_size
from provisioner.cli.bars import bar
from provisioner.cli.context import of
from provisioner.cli.interrupts import leaving
from provisioner.cli.output import AsJson, print_json, say
from provisioner.commands.image.shrink import ShrinkImage, shrink_image

MINIMAL = "minimal"
LEFT = "no image was added, and the old one is as it was"


def shrink(
    context: typer.Context,
    image: Annotated[str, typer.Argument(metavar="NAME[@GENERATION]", help="Which image.")],
    name: Annotated[str, typer.Argument(metavar="NEWNAME", help="What the smaller one is called.")],
    *,
    to: Annotated[
        str, typer.Option("--size", help="Of the whole image, like '100 GB'; or 'minimal'.")
    ] = MINIMAL,
    description: Annotated[str, typer.Option(help="One line about it; the old one, if not given.")] = "",
    user: Annotated[str, typer.Option(help="Who does this; you, if not given.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a smaller version of an image: its last file system is made smaller on a copy (root)."""
    ours, began = of(context), time.monotonic()
    wish = ShrinkImage(image, name, _size_of(to), description, user)
    with leaving(LEFT), ours.appliance() as appliance, bar(quiet=as_json) as progress:
        before, (reference, header, count) = shrink_image(appliance, ours.actor, wish, progress)
    if as_json:
        seconds = round(time.monotonic() - began, 3)
        sizes = {"size_before": before, "size": header.size}
        made = {"image": str(reference), "digest": reference.digest.hex()}
        print_json({**made, **sizes, **dataclasses.asdict(count), "seconds": seconds})
    else:
        say(f"{reference}: {binary(before)} became {binary(header.size)}")


def _size_of(text: str) -> int | None:
    try:
        return None if text == MINIMAL else parse_size(text)
    except ValueError as error:
        raise InvalidError(str(error), (), f"or write {MINIMAL!r}") from error
