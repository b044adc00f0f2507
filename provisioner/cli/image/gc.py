"""``clonesys image gc``: the chunks that nothing needs any more."""

from __future__ import annotations

import typer

from provisioner.base.units import binary
from provisioner.cli.context import of
from provisioner.cli.interrupts import leaving
from provisioner.cli.output import AsJson, print_json, say
from provisioner.commands.image.collect_garbage import collect_garbage


def collect(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Delete the chunks that no image and no job needs any more; captures may go on beside it."""
    ours = of(context)
    left = "some chunks that nothing needs are deleted, all that is needed is there"
    with leaving(left, "run it again for the rest"), ours.appliance() as appliance:
        found = collect_garbage(appliance, ours.actor)
    if as_json:
        print_json({"chunks": found.chunks, "bytes": found.bytes})
    else:
        say(f"{found.chunks} chunks deleted, {binary(found.bytes)}")
