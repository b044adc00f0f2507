"""Importing the file of another program as the next generation of an image."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from initramfs.imaging.device.parallel import ProgressCallback, silent
from provisioner.commands.appliance import Appliance
from provisioner.commands.record import be_ready_to_record, record_change
from provisioner.images.formats.imports import raw_file
from provisioner.images.operations import Added, Options, add_image, facts_of
from provisioner.security.actors import Actor, Right
from provisioner.security.keys import load_private_key


@dataclass(frozen=True, slots=True)
class ImportImage:
    """What to import: a file, or the folder of a Clonezilla image. ``user``: the actor, if empty."""

    file: Path
    name: str
    description: str = ""
    user: str = ""
    options: Options = field(default_factory=Options)


def import_image(
    appliance: Appliance, actor: Actor, wish: ImportImage, progress: ProgressCallback = silent
) -> Added:
    """Add an image. Raises ForbiddenError, ImageNameError, StoreError (the file, too), DiskError."""
    actor.require(Right.IMAGES)
    be_ready_to_record(appliance)
    user = wish.user or actor.name
    facts = facts_of(wish.name, wish.file, wish.description, user, appliance.now())
    store, key = appliance.store, load_private_key(appliance.root)
    with raw_file(wish.file, store.workspace) as raw:
        added = add_image(store, key, raw, facts, replace(wish.options, progress=progress))
    record_change(appliance, actor, "image import", f"{added.reference} from {wish.file}")
    return added
