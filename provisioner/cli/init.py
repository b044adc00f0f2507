"""``clonesys init``: make an appliance."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from provisioner.base.errors import UnansweredError
from provisioner.base.home import Home
from provisioner.boot.files import copy_loaders
from provisioner.cli.asking import Yes, ask
from provisioner.cli.context import of
from provisioner.cli.output import AsJson, print_json, say
from provisioner.commands import init_appliance


def init(
    context: typer.Context,
    *,
    owner: Annotated[
        str | None,
        typer.Option(help="The user that everything belongs to and the services run as; only root can say."),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make an appliance: keys, configuration, database, boot loaders. What is there already stays."""
    ours = of(context)
    home = ours.home
    if not yes:
        if not sys.stdin.isatty():
            raise UnansweredError("init asks before it makes anything", "add --yes")
        ask(f"Make an appliance in {home}?")
    with ours.appliance() as appliance:
        password = init_appliance.init_appliance(appliance, ours.actor, owner)
    missing = copy_loaders(Home(home).boot)
    if as_json:
        print_json({"home": str(home), "password": password, "loaders_missing": missing})
    else:
        _tell(home, password, missing)


def _tell(home: Path, password: str | None, missing: list[str]) -> None:
    say(f"appliance in {home}")
    if password is not None:
        say(f"web pages and API: user admin, password {password} (kept nowhere: note it now)")
    if missing:
        say(f"missing: {', '.join(missing)} (install Debian's 'ipxe', then run init again)")
    say("next:")
    for line in (
        "clonesys initramfs build               # the kernel and the agent that machines boot",
        "clonesys image capture DEVICE NAME     # what they should become",
        "clonesys host add NAME --mac MAC       # who they are",
        "clonesys serve --interface eth0        # and go",
    ):
        say(f"  {line}")
