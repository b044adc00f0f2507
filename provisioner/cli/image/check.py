"""``clonesys image verify``: whether the store still holds what its images need, and its repair."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Annotated

import typer

from initramfs.imaging.format.manifest import Manifest
from provisioner.cli.bars import bar
from provisioner.cli.context import of
from provisioner.cli.image.common import load, load_all, refuse, store_of
from provisioner.cli.output import AsJson, print_json, say
from provisioner.images.repair import repair
from provisioner.images.verify import Audit, audit
from provisioner.stores.directory.store import DirectoryStore


def verify(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME[@GENERATION]]...")] = None,
    *,
    set_aside: Annotated[
        bool, typer.Option(help="Move corrupt chunks away: a capture then adds them anew.")
    ] = False,
    repair_from: Annotated[
        Path | None,
        typer.Option(
            "--repair", metavar="FROM", help="A store's folder, a device or raw file to repair from."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decompress and hash every chunk of these images, or of all. Exit status 1 if one stays bad."""
    home, began = of(context).home, time.monotonic()
    store = store_of(home)
    wanted, damaged = ([load(home, name)[0] for name in names], []) if names else load_all(home)
    with bar(quiet=as_json) as progress:
        result = audit(store, wanted, progress)
        if repair_from is not None and not result.ok:
            _repair(store, result, wanted, repair_from)
    for digest in result.corrupt if set_aside else ():
        store.set_aside(digest)
    if as_json:
        seconds = round(time.monotonic() - began, 3)
        found = {**dataclasses.asdict(result), "damaged": damaged}
        print_json({"ok": result.ok and not damaged, **found, "seconds": seconds})
    for kind, digests in (("corrupt", result.corrupt), ("missing", result.missing)):
        for digest in () if as_json else digests:
            say(f"{kind}: chunk {digest.hex()} of {', '.join(result.images[digest])}")
    if not result.ok:
        refuse(
            [f"{len(result.corrupt)} chunks are corrupt, {len(result.missing)} are missing", *damaged],
            "repair them with --repair FROM; or --set-aside, and capture or import the same content again",
        )
    refuse(damaged)
    if not as_json:
        mended = f", {len(result.repaired)} repaired" if result.repaired else ""
        say(f"{len(wanted)} images, {result.chunks} chunks: all whole{mended}")


def _repair(store: DirectoryStore, result: Audit, wanted: list[Manifest], origin: Path) -> None:
    bad = [*result.corrupt, *result.missing]
    for digest in sorted(repair(store, bad, wanted, origin)):
        result.repaired.append(digest)
        for listed in (result.corrupt, result.missing):
            if digest in listed:
                listed.remove(digest)
