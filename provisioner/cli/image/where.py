"""``clonesys image where``: the disks that carry an image, as the receipts of jobs prove."""

from __future__ import annotations

from typing import Annotated

import typer

from initramfs.messages import WHOLE_DISK
from provisioner.base.units import clock
from provisioner.cli.context import Context, of
from provisioner.cli.output import AsJson, print_json
from provisioner.cli.table import print_table
from provisioner.jobs.placements import Placement, open_signed, placements
from provisioner.security.keys import load_public_key
from provisioner.stores.names import LATEST, Wanted
from provisioner.stores.open import store_of


def where(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME[@GENERATION]", help="All generations, if none is given.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """The disks that provably carry an image, by the latest receipts."""
    ours = of(context)
    wanted = Wanted.parse(name)
    if wanted.promoted or name.endswith(f"@{LATEST}"):
        wanted = Wanted(wanted.name, store_of(ours.home).resolve(name).generation)
    found = [
        placement
        for placement in _all_placements(ours)
        if placement.image == wanted.name and wanted.generation in (None, placement.generation)
    ]
    if as_json:
        print_json(found)
        return
    columns = ("image", "host", "partition", "disk", "serial", "wwn", "proved", "job", "signed by")
    print_table(columns, [_placement(placement) for placement in found])


def _all_placements(context: Context) -> list[Placement]:
    from provisioner.jobs import receipts  # noqa: PLC0415 - as in cli.context: it loads the database

    key = load_public_key(context.home)
    with context.appliance() as appliance:
        kept = [open_signed(signed, key) for signed in receipts.all_receipts(appliance.database)]
        return placements(kept, receipts.unproved_writes(appliance.database))


def _placement(found: Placement) -> tuple[str, ...]:
    part = "all" if found.partition is WHOLE_DISK else str(found.partition)
    if found.replaced:
        part += f" but {', '.join(map(str, found.replaced))}"
    image = f"{found.image}@{found.generation}"
    proved, job = clock(found.received), str(found.job)
    signed = "host, appliance" if found.host_key else "appliance"
    return image, found.host, part, found.disk, found.serial, found.wwn, proved, job, signed
