"""``clonesys image``: a module for each verb, loaded when the verb is named.

A verb parses, calls a command or asks :mod:`provisioner.images`, prints. With ``--json`` the long ones tell
what they did, in bytes and seconds; what is not JSON goes to standard error.
"""

from __future__ import annotations

from typing import ClassVar

import typer

from provisioner.cli.lazy import LazyGroup

VERBS = {
    "capture": "capture:capture",
    "import": "import_:import_",
    "restore": "restore:restore",
    "export": "export:export",
    "verify": "verify:verify",
    "list": "list:list_",
    "show": "show:show",
    "where": "where:where",
    "promote": "promote:promote",
    "rm": "rm:remove",
    "gc": "gc:collect",
    "diff": "diff:diff",
    "mount": "mount:mount",
    "umount": "mount:umount",
    "shrink": "shrink:shrink",
}


class Verbs(LazyGroup):
    """The verbs of images."""

    places: ClassVar = {name: f"{__name__}.{place}" for name, place in VERBS.items()}


app = typer.Typer(cls=Verbs, help="Images: capture, restore, check.", no_args_is_help=True)
