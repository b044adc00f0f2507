"""What image verbs share: an image by its name or all of them, a question, how numbers are shown.

Knows nothing of single verbs.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.restore.counts import RestoreCounts
from provisioner.base.errors import ProvisionerError
from provisioner.base.units import binary
from provisioner.cli import completing
from provisioner.cli.output import print_json, say
from provisioner.images import operations
from provisioner.security.keys import load_public_key
from provisioner.stores.names import Reference
from provisioner.stores.open import store_of

Image = Annotated[
    str,
    typer.Argument(
        metavar="NAME[@GENERATION]",
        help="The latest, if no generation is given.",
        autocompletion=completing.images,
    ),
]
Number = Annotated[int | None, typer.Option("--partition", help="Only this partition of the disk.")]
DAMAGED = "put damaged manifests back from a backup, or remove them with 'clonesys image rm NAME@GENERATION'"


def load(home: Path, name: str) -> tuple[Manifest, Reference]:
    """An image, its signature checked. Raises NoImageError, ImageNameError, ManifestError."""
    store = store_of(home)
    reference = store.resolve(name)
    return operations.load(store, reference, load_public_key(home)), reference


def load_all(home: Path) -> tuple[list[Manifest], list[str]]:
    """All images that are right, and what is wrong with the others, by name."""
    wrong: list[str] = []
    found = operations.everything(
        store_of(home), load_public_key(home), lambda error: wrong.append(error.message)
    )
    return list(found), wrong


def used(image: Manifest) -> int:
    """Bytes that an image keeps."""
    return sum(item.length for item in image.index if any(item.digest))


def summary(image: Manifest) -> dict[str, Any]:
    """An image for programs."""
    header = image.header
    return {
        "name": header.name, "generation": header.generation, "digest": image.digest.hex(),
        "kind": header.kind, "size": header.size, "data": used(image), "ranges": len(image.index),
        "date": header.date, "user": header.user, "origin": header.origin, "description": header.description,
    }  # fmt: skip


def refuse(wrong: list[str], hint: str = DAMAGED) -> None:
    """Raises ProvisionerError if anything is wrong, when the rest has been done."""
    if wrong:
        raise ProvisionerError("; ".join(wrong), hint)


def numbers(outcome: RestoreCounts) -> dict[str, Any]:
    """What a restore or an export did, for :func:`done`."""
    return {**dataclasses.asdict(outcome), "bytes_sent": outcome.bytes_fetched}


def done(reference: Reference, did: dict[str, Any], seconds: float, *, as_json: bool) -> None:
    """Print what was done with an image: ``did`` has at least bytes_read, _sent, _written and _skipped."""
    if as_json:
        facts: dict[str, Any] = {"image": str(reference), "digest": reference.digest.hex(), **did}
        print_json(facts | {"seconds": round(seconds, 3)})
        return
    say(
        f"{reference}: {binary(did['bytes_read'])} read, {binary(did['bytes_sent'])} transferred, "
        f"{binary(did['bytes_written'])} written, {binary(did['bytes_skipped'])} skipped "
        f"in {seconds:.1f} s"
    )
