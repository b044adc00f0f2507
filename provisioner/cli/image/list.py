"""``clonesys image list``: what images there are."""

from __future__ import annotations

import typer

from provisioner.base.units import binary
from provisioner.cli.context import of
from provisioner.cli.image.common import load_all, refuse, summary, used
from provisioner.cli.output import AsJson, clock, print_json
from provisioner.cli.table import print_table


def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """All images and their generations."""
    there, damaged = load_all(of(context).home)
    if as_json:
        print_json([summary(image) for image in there])
        refuse(damaged)
        return
    rows = [
        (image.title, image.header.kind, binary(image.header.size), binary(used(image)),
         clock(image.header.date), image.header.user, image.header.description)
        for image in there
    ]  # fmt: skip
    print_table(("image", "kind", "size", "data", "date", "user", "description"), rows)
    refuse(damaged)
