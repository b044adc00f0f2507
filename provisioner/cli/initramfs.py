"""``clonesys initramfs``: the kernel and the initramfs that machines boot."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from initramfs.builder import build as builder
from initramfs.builder import spec
from provisioner.boot import files
from provisioner.boot.booter import INITRAMFS, KERNEL
from provisioner.cli.context import of
from provisioner.cli.output import AsJson, print_json, say
from provisioner.database.engine import open_migrated
from provisioner.jobs.progress import human_bytes
from provisioner.security.keys import load_public_key

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
    home = of(context).home
    open_migrated(home).close()
    built = builder.build(
        spec.load(),
        cache or home / "cache" / "initramfs",
        public_key=load_public_key(home).public_bytes_raw(),
        refresh=refresh,
        report=(lambda _line: None) if as_json else say,
    )
    files.install(home, {KERNEL: built.kernel, INITRAMFS: built.initramfs})
    if as_json:
        print_json(asdict(built))
    else:
        say(f"Linux {built.release.strip()}, initramfs {human_bytes(built.size)}, {built.digest[:12]}")
