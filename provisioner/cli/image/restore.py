"""``clonesys image restore``: an image onto a disk, a partition or a file, and proved there."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.format.source import ChunkSource
from initramfs.imaging.restore.layout import Layout
from initramfs.messages import FIRST_WRITE, Fit, GrowFailure, Last
from provisioner.base.errors import InvalidError
from provisioner.base.units import parse_grow
from provisioner.cli.asking import Yes, ask
from provisioner.cli.bars import StageTimes, bar
from provisioner.cli.context import of
from provisioner.cli.image.common import Image, Number, done, numbers
from provisioner.cli.interrupts import leaving
from provisioner.cli.output import AsJson, harmless
from provisioner.commands.image.restore import RestoreImage, restore_image

# Host and port only: a path would be ignored.
URL = re.compile(r"http://([^][/:@?#]+|\[[0-9a-f:.]+\])(:\d{1,5})?/?", re.IGNORECASE)
PATIENCE = 30.0
"""Seconds that ``restore --from`` waits for a server that is away."""


def restore(
    context: typer.Context,
    name: Image,
    target: Annotated[Path, typer.Argument(help="A disk, a partition or a file; a new file is made.")],
    *,
    partition: Number = None,
    from_: Annotated[
        str, typer.Option("--from", metavar="URL", help="An appliance to get chunks from.")
    ] = "",
    delta: Annotated[
        bool,
        typer.Option(
            "--delta/--no-delta", help="Read the target first, where that pays; fetch and write what differs."
        ),
    ] = True,
    discard: Annotated[bool, typer.Option(help="Tell the disk which parts of it are unused.")] = True,
    grow: Annotated[
        str, typer.Option(metavar="last|N", help="Let this partition and its file system fill the disk.")
    ] = "",
    grow_failure: Annotated[
        GrowFailure,
        typer.Option(help="What if it cannot grow: it stays as it was captured, or the restore fails."),
    ] = GrowFailure.KEEP,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Write an image, read it back, and only then make it bootable."""
    ours, began = of(context), time.monotonic()
    wish = RestoreImage(name, target, partition, delta, discard, Fit(_growing(grow), grow_failure))

    def agree(image: Manifest, layout: Layout, failure: str) -> None:
        if failure:
            sys.stderr.write(f"warning: the last restore to {target} did not end: {harmless(failure)}\n")
        if not yes:
            _ask(image, layout, target)

    stages: StageTimes | None = None

    def left() -> str:
        if stages is None or not stages.has_begun(FIRST_WRITE):
            return f"nothing was written to {target}"
        return f"{target} is half written and does not start; the same command goes on from there"

    with (
        leaving(left),
        ours.appliance() as appliance,
        _source(from_) as source,
        bar(quiet=as_json) as progress,
    ):
        stages = StageTimes(progress)
        reference, outcome = restore_image(
            appliance, ours.actor, wish, source, agree=agree, tell=_tell, progress=stages
        )
    did = numbers(outcome) | {"stages": stages.seconds()}
    done(reference, did, time.monotonic() - began, as_json=as_json)


@contextmanager
def _source(url: str) -> Iterator[ChunkSource | None]:
    """Another appliance's chunks over HTTP, or None. The manifest is always ours: it says what is right."""
    if not url:
        yield None
        return
    if not URL.fullmatch(url):
        raise InvalidError(f"{url} is no URL of an appliance", (), "it looks like http://192.0.2.1:8080")
    # Loaded here: http.client takes longer than anything else that a restore from our own store loads.
    from initramfs.agent.chunks import HttpChunks  # noqa: PLC0415 - see above
    from initramfs.agent.fetch import Appliance, Clock  # noqa: PLC0415 - likewise

    appliance = Appliance(url.rstrip("/"), Clock(time.monotonic, time.sleep), patience=PATIENCE)
    try:
        yield HttpChunks(appliance)
    finally:
        appliance.close_all()


def _growing(text: str) -> int | Last | None:
    try:
        return parse_grow(text or "none")
    except ValueError as error:
        raise InvalidError(str(error), ()) from error


def _tell(words: str) -> None:
    sys.stderr.write(f"note: {words}\n")


def _ask(image: Manifest, layout: Layout, target: Path) -> None:
    where = ", ".join(f"partition {number}" for number in _written(layout)) or "everything"
    ask(f"{image.title} overwrites {where} on {target}. Go on?")


def _written(layout: Layout) -> list[int]:
    """The partitions that a restore writes to, if it leaves others alone."""
    if layout.whole or layout.label is None:
        return []
    return [area.number for area in layout.label.areas if any(layout.extents(area.start, area.end))]
