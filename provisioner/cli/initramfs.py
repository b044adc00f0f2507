"""``clonesys initramfs``: the kernel and the initramfs that machines boot."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from provisioner.base.units import binary
from provisioner.cli.context import of
from provisioner.cli.interrupts import leaving
from provisioner.cli.output import AsJson, print_json, say
from provisioner.commands.build_initramfs import BuildInitramfs, build_initramfs

app = typer.Typer(no_args_is_help=True, help="What machines boot: Debian's kernel and our agent.")


@app.callback()
def group() -> None:
    """Keep 'build' a verb of its own while it is the only one."""


@app.command()
def build(
    context: typer.Context,
    cache: Annotated[
        Path | None, typer.Option(help="Kept between builds; default is cache/ in the appliance.")
    ] = None,
    *,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask for newer Debian packages now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Build kernel and initramfs with this appliance's key inside, and put them where machines fetch them."""
    ours = of(context)
    wish = BuildInitramfs(cache, refresh)
    left = "machines get the kernel and initramfs that were there before"
    with leaving(left), ours.appliance() as appliance:
        built = build_initramfs(appliance, ours.actor, wish, (lambda _line: None) if as_json else say)
    if as_json:
        print_json(asdict(built))
    else:
        say(f"Linux {built.release.strip()}, initramfs {binary(built.size)}, {built.digest[:12]}")
