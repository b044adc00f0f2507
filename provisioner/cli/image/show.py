"""``clonesys image show``: what one image is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import typer

from initramfs.imaging.format.header import Header
from provisioner.base.units import binary, clock
from provisioner.cli.context import of
from provisioner.cli.image.common import Image, load, summary, used
from provisioner.cli.output import AsJson, print_facts, print_json
from provisioner.cli.table import print_table


def show(context: typer.Context, name: Image, *, as_json: AsJson = False) -> None:
    """What an image is."""
    image, _ = load(of(context).home, name)
    if as_json:
        print_json({**dataclasses.asdict(image.header), **summary(image)})
        return
    header = image.header
    facts = {
        "image": image.title,
        "kind": header.kind,
        "size": binary(header.size),
        "data": binary(used(image)),
        "firmware": header.firmware,
        "label": f"{header.label.type} {header.label.id}" if header.label else "",
        "origin": header.origin,
        "user": header.user,
        "date": clock(header.date),
        "description": header.description,
        "warnings": "; ".join(header.warnings),
        "digest": image.digest.hex(),
    }
    print_facts(facts.items())
    print_table(("partition", "type", "size", "file system", "label", "used"), _partitions(header))


def _partitions(header: Header) -> Iterator[tuple[str, ...]]:
    found = {item.partition: item for item in header.filesystems}
    for part in header.label.partitions if header.label else ():
        inside = found.pop(part.number, None)
        about = (inside.type, inside.label, binary(inside.used)) if inside else ("", part.name, "")
        yield (str(part.number), part.type, binary(part.size), *about)
    for inside in found.values():
        yield ("", "", binary(inside.size), inside.type, inside.label, binary(inside.used))
