"""What image commands share: the store, an image by the name a person gives or all, a question, the numbers.

Knows nothing of single verbs.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.restore.counts import RestoreCounts
from provisioner.base.errors import ProvisionerError
from provisioner.base.home import Home
from provisioner.cli.bars import size
from provisioner.cli.output import print_json, say
from provisioner.images import operations
from provisioner.security.keys import load_public_key
from provisioner.stores.directory.store import DirectoryStore
from provisioner.stores.names import Reference

Image = Annotated[
    str, typer.Argument(metavar="NAME[@GENERATION]", help="The latest, if no generation is given.")
]
Number = Annotated[int | None, typer.Option("--partition", help="Only this partition of the disk.")]
DAMAGED = "put damaged manifests back from a backup, or remove them with 'clonesys image rm NAME@GENERATION'"


def store_of(home: Path) -> DirectoryStore:
    """The appliance's store."""
    return DirectoryStore(Home(home).store)


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


def refuse(wrong: list[str], hint: str = DAMAGED) -> None:
    """Raises ProvisionerError if anything is wrong, when the rest has been done."""
    if wrong:
        raise ProvisionerError("; ".join(wrong), hint)


def ask(question: str) -> None:
    """Return when somebody agrees. Raises typer.Abort if not, ProvisionerError if nobody is there to ask."""
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        sys.stderr.write("\n")  # behind the question
        if sys.stdin.isatty():
            raise
        raise ProvisionerError("nobody answers the question, and nothing was done", "add --yes") from None
    if not agreed:
        raise typer.Abort


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
        f"{reference}: {size(did['bytes_read'])} read, {size(did['bytes_sent'])} transferred, "
        f"{size(did['bytes_written'])} written, {size(did['bytes_skipped'])} skipped "
        f"in {seconds:.1f} s"
    )
