"""``clonesys image``: a module for each concern, loaded when one of its verbs is named.

A verb parses, calls :mod:`provisioner.images`, prints. With ``--json`` the long ones tell what they did, in
bytes and seconds; what is not JSON goes to standard error.
"""

from __future__ import annotations

from typing import ClassVar

import typer

from provisioner.cli.lazy import LazyGroup

VERBS = {
    "capture": "capture:capture",
    "import": "import_file:import_",
    "restore": "restore:restore",
    "export": "export:export",
    "verify": "check:verify",
    "list": "show:list_",
    "show": "show:show",
    "where": "where:where",
    "rm": "remove:remove",
    "gc": "collect:collect",
    "diff": "inside:diff",
    "mount": "inside:mount",
    "umount": "inside:umount",
    "shrink": "shrink:shrink",
}


class Verbs(LazyGroup):
    """The verbs of images."""

    places: ClassVar = {name: f"{__name__}.{place}" for name, place in VERBS.items()}


app = typer.Typer(cls=Verbs, help="Images: capture, restore, check.", no_args_is_help=True)
