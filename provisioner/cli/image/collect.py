"""``clonesys image gc``: the chunks that nothing needs any more."""

from __future__ import annotations

import typer

from provisioner.cli.bars import size
from provisioner.cli.context import of
from provisioner.cli.image.common import store_of
from provisioner.cli.output import AsJson, print_json, say
from provisioner.images import operations
from provisioner.security.keys import load_public_key


def collect(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Delete the chunks that no image and no job needs any more; captures may go on beside it."""
    from provisioner.images import catalogue  # noqa: PLC0415 - as in cli.context: it loads the database

    home = of(context).home
    count, freed = operations.prune(store_of(home), load_public_key(home), catalogue.demand(home))
    if as_json:
        print_json({"chunks": count, "bytes": freed})
    else:
        say(f"{count} chunks deleted, {size(freed)}")
