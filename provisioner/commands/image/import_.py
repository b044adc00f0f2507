"""Importing the file of another program as the next generation of an image."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from initramfs.imaging.device.parallel import ProgressCallback, silent
from provisioner.commands.appliance import Appliance
from provisioner.commands.record import be_ready_to_record, record_change
from provisioner.images.formats.imports import Given, Source, raw_file
from provisioner.images.operations import Added, Options, add_image, facts_of
from provisioner.security.actors import Actor, Right
from provisioner.security.keys import load_private_key


@dataclass(frozen=True, slots=True)
class ImportImage:
    """What to import: a file, or the folder of an image.

    ``user``: the actor, if empty. ``given``: what the file is said to be. ``disk``: of a folder with several.
    """

    file: Path
    name: str
    description: str = ""
    user: str = ""
    options: Options = field(default_factory=Options)
    given: Given | None = None
    disk: str = ""

    @property
    def source(self) -> Source:
        """Where it comes from."""
        options = self.options
        empty = tuple(options.empty)
        return Source(self.file, self.given, options.sector_size, self.disk, options.partition, empty)


def import_image(
    appliance: Appliance, actor: Actor, wish: ImportImage, progress: ProgressCallback = silent
) -> Added:
    """Add an image. Raises ForbiddenError, ImageNameError, StoreError (the file, too), DiskError."""
    actor.require(Right.IMAGES)
    be_ready_to_record(appliance)
    user = wish.user or actor.name
    facts = facts_of(wish.name, wish.file, wish.description, user, appliance.now())
    store, key = appliance.store, load_private_key(appliance.root)
    with raw_file(wish.source, store.workspace) as raw:
        options = replace(
            wish.options, sector_size=raw.sector_size, notes=raw.notes, raw=raw.opaque, progress=progress
        )
        if raw.chosen:
            options = replace(options, partition=None, empty=())
        added = add_image(store, key, raw.path, facts, options)
    record_change(appliance, actor, "image import", f"{added.reference} from {wish.file}")
    return added
