"""``clonesys image diff``: what has changed between two images, by partition, chunk and file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from initramfs.errors import ExplainedError
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.label.model import Bare
from provisioner.base.errors import InvalidError, ProvisionerError
from provisioner.base.units import binary
from provisioner.cli.context import of
from provisioner.cli.image.common import Image, load
from provisioner.cli.output import AsJson, harmless, print_json, say
from provisioner.cli.table import print_table
from provisioner.images.browse.mounting import mounted_image
from provisioner.images.diff import Area, Outside, PartitionDiff, changed, diff_partitions
from provisioner.images.diff_files import FileDiff, Tree, diff_trees

NOT_TWICE = {"btrfs": "the kernel cannot mount two generations of one Btrfs at once"}
SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def diff(
    context: typer.Context,
    old: Image,
    new: Image,
    *,
    files: Annotated[bool, typer.Option(help="Also by file, where the file system can be mounted.")] = True,
    as_json: AsJson = False,
) -> None:
    """What differs between two images: by partition, by chunk, by file."""
    home = of(context).home
    before, after = load(home, old)[0], load(home, new)[0]
    if before.header.kind is not after.header.kind:
        raise InvalidError("a disk cannot be compared with a partition", (), "compare images of one kind")
    found = diff_partitions(before, after)
    inside = {part.number: _files(home, before, after, part) for part in found if files and part.different}
    if as_json:
        parts = [dataclasses.asdict(part) | _json(inside.get(part.number)) for part in found]
        print_json({"old": before.title, "new": after.title, "partitions": parts})
        return
    print_table(("partition", "type", "same", "removed", "added", "chunks", "to fetch"), map(_row, found))
    for number, listed in inside.items():
        for line in _lines(number, listed):
            say(harmless(line))


def _files(home: Path, old: Manifest, new: Manifest, part: PartitionDiff) -> list[FileDiff] | str:
    """By file, or the reason why not."""
    if isinstance(part.number, Outside) or not part.filesystem:
        return "no file system"
    if part.filesystem in NOT_TWICE:
        return NOT_TWICE[part.filesystem]
    number = None if isinstance(part.number, Bare) else part.number
    try:
        with (
            mounted_image(home, old.header, number) as before,
            mounted_image(home, new.header, number) as after,
        ):
            was, now = changed(old, new, part.number)
            return list(diff_trees(Tree(before, was), Tree(after, now)))
    except (ExplainedError, ProvisionerError) as error:
        return error.message
    except OSError as error:
        return f"cannot be read: {error}"


def _json(listed: list[FileDiff] | str | None) -> dict[str, Any]:
    if isinstance(listed, list):
        return {"files": [dataclasses.asdict(item) for item in listed]}
    return {"files": None, "not_by_file": listed or ""}


def _lines(number: Area, listed: list[FileDiff] | str) -> Iterator[str]:
    name = _name(number)
    if isinstance(listed, str):
        if not isinstance(number, Outside):
            yield f"{name}: not by file: {listed}"
        return
    yield f"{name}: {len(listed)} files"
    for item in listed:
        yield f"  {SIGNS[item.how]} /{item.path}  {binary(item.old_size)} -> {binary(item.new_size)}"


def _row(part: PartitionDiff) -> tuple[str, ...]:
    chunks = f"-{part.chunks_removed} +{part.chunks_added}"
    sizes = (binary(part.same), binary(part.removed), binary(part.added), chunks, binary(part.bytes_to_fetch))
    return (_name(part.number), part.filesystem, *sizes)


def _name(number: Area) -> str:
    if isinstance(number, Outside):
        return "outside"
    return "whole" if isinstance(number, Bare) else str(number)
