"""``clonesys image verify``: whether the store still holds what its images need, and its repair."""

from __future__ import annotations

import dataclasses
import time
from typing import Annotated

import typer

from provisioner.cli.bars import bar
from provisioner.cli.context import of
from provisioner.cli.image.common import refuse
from provisioner.cli.interrupts import leaving
from provisioner.cli.output import AsJson, print_json, say
from provisioner.commands.image.verify import Verified, VerifyImages, verify_images


def verify(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME[@GENERATION]]...")] = None,
    *,
    set_aside: Annotated[
        bool, typer.Option(help="Move corrupt chunks away: a capture then adds them anew.")
    ] = False,
    repair_from: Annotated[
        str,
        typer.Option(
            "--repair", metavar="FROM", help="A store's folder, a device or raw file to repair from."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Decompress and hash every chunk of these images, or of all. Exit status 1 if one stays bad."""
    ours, began = of(context), time.monotonic()
    wish = VerifyImages(tuple(names or ()), set_aside, repair_from)
    changes = set_aside or repair_from
    left = "chunks that were repaired or set aside stay so" if changes else "nothing was changed"
    with leaving(left), ours.appliance() as appliance, bar(quiet=as_json) as progress:
        found = verify_images(appliance, ours.actor, wish, progress)
    if as_json:
        facts = {"ok": found.ok, **dataclasses.asdict(found.chunks), "damaged": found.damaged}
        print_json(facts | {"seconds": round(time.monotonic() - began, 3)})
    else:
        _print_bad(found)
    _refuse_bad(found)
    if not as_json:
        mended = f", {len(found.chunks.repaired)} repaired" if found.chunks.repaired else ""
        say(f"{found.images} images, {found.chunks.chunks} chunks: all whole{mended}")


def _print_bad(found: Verified) -> None:
    for kind, digests in (("corrupt", found.chunks.corrupt), ("missing", found.chunks.missing)):
        for digest in digests:
            say(f"{kind}: chunk {digest.hex()} of {', '.join(found.chunks.images[digest])}")


def _refuse_bad(found: Verified) -> None:
    corrupt, missing = found.chunks.corrupt, found.chunks.missing
    if not found.chunks.ok:
        refuse(
            [f"{len(corrupt)} chunks are corrupt, {len(missing)} are missing", *found.damaged],
            "repair them with --repair FROM; or --set-aside, and capture or import the same content again",
        )
    refuse(found.damaged)
