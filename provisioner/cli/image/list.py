"""``clonesys image list``: what images there are."""

from __future__ import annotations

import typer

from initramfs.imaging.format.manifest import Manifest
from provisioner.base.units import binary, clock
from provisioner.cli.context import of
from provisioner.cli.image.common import load_all, refuse, summary, used
from provisioner.cli.output import AsJson, print_json
from provisioner.cli.table import print_table
from provisioner.stores.open import store_of


def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """All images and their generations."""
    home = of(context).home
    there, damaged = load_all(home)
    store = store_of(home)
    promoted = {name: store.promoted(name) for name in {image.header.name for image in there}}
    if as_json:
        print_json([summary(image) | {"promoted": _is(image, promoted)} for image in there])
        refuse(damaged)
        return
    rows = [
        (image.title, image.header.kind, binary(image.header.size), binary(used(image)),
         clock(image.header.date), "promoted" if _is(image, promoted) else "", image.header.user,
         image.header.description)
        for image in there
    ]  # fmt: skip
    print_table(("image", "kind", "size", "data", "date", "", "user", "description"), rows)
    refuse(damaged)


def _is(image: Manifest, promoted: dict[str, int | None]) -> bool:
    return promoted[image.header.name] == image.header.generation
