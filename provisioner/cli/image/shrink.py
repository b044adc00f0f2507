"""``clonesys image shrink``: a smaller version of an image, for smaller disks."""

from __future__ import annotations

import dataclasses
import getpass
import time
from typing import Annotated

import typer

from initramfs.imaging.capture.capture import Facts
from provisioner.base.errors import ProvisionerError
from provisioner.base.home import Home
from provisioner.base.units import parse_size
from provisioner.cli.bars import bar, size
from provisioner.cli.context import of
from provisioner.cli.image.common import load, store_of
from provisioner.cli.output import AsJson, print_json, say
from provisioner.images.shrink import shrink_image
from provisioner.security.keys import load_private_key
from provisioner.stores.names import check_name

MINIMAL = "minimal"


def shrink(
    context: typer.Context,
    image: Annotated[str, typer.Argument(metavar="NAME[@GENERATION]", help="Which image.")],
    name: Annotated[str, typer.Argument(metavar="NEWNAME", help="What the smaller one is called.")],
    *,
    to: Annotated[
        str, typer.Option("--size", help="Of the whole image, like '100 GB'; or 'minimal'.")
    ] = MINIMAL,
    description: Annotated[str, typer.Option(help="One line for people; the old one, if not given.")] = "",
    user: Annotated[str, typer.Option(help="Who does this; you, if not given.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a smaller version of an image: its last file system is made smaller on a copy (root)."""
    home, began = of(context).home, time.monotonic()
    old, _ = load(home, image)
    about = description or old.header.description
    facts = Facts(check_name(name), about, old.title, user or getpass.getuser(), int(time.time()))
    with bar(quiet=as_json) as progress:
        reference, header, count = shrink_image(
            store_of(home),
            load_private_key(home),
            old,
            facts,
            size=_size_of(to),
            folder=Home(home).store / "unpacked",
            progress=progress,
        )
    if as_json:
        seconds = round(time.monotonic() - began, 3)
        sizes = {"size_before": old.header.size, "size": header.size}
        made = {"image": str(reference), "digest": reference.digest.hex()}
        print_json({**made, **sizes, **dataclasses.asdict(count), "seconds": seconds})
    else:
        say(f"{reference}: {size(old.header.size)} became {size(header.size)}")


def _size_of(text: str) -> int | None:
    try:
        return None if text == MINIMAL else parse_size(text)
    except ValueError as error:
        raise ProvisionerError(str(error), f"or write {MINIMAL!r}") from error
