"""``clonesys audit``: who changed what."""

from __future__ import annotations

from typing import Annotated

import typer

from provisioner.base.units import clock
from provisioner.cli.context import of
from provisioner.cli.output import AsJson, print_json
from provisioner.cli.table import print_table
from provisioner.timeline.audit import list_audit


def audit(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest first.")] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """Show who changed what, the latest first."""
    with of(context).appliance() as appliance:
        found = list_audit(appliance.database, limit)
    if as_json:
        print_json(found)
        return
    print_table(("when", "who", "what", ""), [(clock(e.at), e.who, e.what, e.detail) for e in found])
