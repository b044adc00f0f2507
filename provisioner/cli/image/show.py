"""``clonesys image list | show``: what images there are, and what one is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import typer

from initramfs.imaging.format.header import Header
from initramfs.imaging.format.manifest import Manifest
from provisioner.cli.bars import size
from provisioner.cli.context import of
from provisioner.cli.image.common import Image, load, load_all, refuse
from provisioner.cli.output import AsJson, clock, print_facts, print_json
from provisioner.cli.table import print_table


def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """All images and their generations."""
    there, damaged = load_all(of(context).home)
    if as_json:
        print_json([_summary(image) for image in there])
        refuse(damaged)
        return
    rows = [
        (image.title, image.header.kind, size(image.header.size), size(_used(image)),
         clock(image.header.date), image.header.user, image.header.description)
        for image in there
    ]  # fmt: skip
    print_table(("image", "kind", "size", "data", "date", "user", "description"), rows)
    refuse(damaged)


def show(context: typer.Context, name: Image, *, as_json: AsJson = False) -> None:
    """What an image is."""
    image, _ = load(of(context).home, name)
    if as_json:
        print_json({**dataclasses.asdict(image.header), **_summary(image)})
        return
    header = image.header
    facts = {
        "Image": image.title,
        "Kind": header.kind,
        "Size": size(header.size),
        "Data": size(_used(image)),
        "Firmware": header.firmware,
        "Label": f"{header.label.type} {header.label.id}" if header.label else "",
        "Origin": header.origin,
        "User": header.user,
        "Date": clock(header.date),
        "Comment": header.description,
        "Warnings": "; ".join(header.warnings),
        "Digest": image.digest.hex(),
    }
    print_facts(facts.items())
    print_table(("partition", "type", "size", "file system", "label", "used"), _partitions(header))


def _summary(image: Manifest) -> dict[str, Any]:
    header = image.header
    return {
        "name": header.name, "generation": header.generation, "digest": image.digest.hex(),
        "kind": header.kind, "size": header.size, "data": _used(image), "ranges": len(image.index),
        "date": header.date, "user": header.user, "origin": header.origin, "description": header.description,
    }  # fmt: skip


def _used(image: Manifest) -> int:
    return sum(item.length for item in image.index if any(item.digest))


def _partitions(header: Header) -> Iterator[tuple[str, ...]]:
    found = {item.partition: item for item in header.filesystems}
    for part in header.label.partitions if header.label else ():
        inside = found.pop(part.number, None)
        about = (inside.type, inside.label, size(inside.used)) if inside else ("", part.name, "")
        yield (str(part.number), part.type, size(part.size), *about)
    for inside in found.values():
        yield ("", "", size(inside.size), inside.type, inside.label, size(inside.used))
