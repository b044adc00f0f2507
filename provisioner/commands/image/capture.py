"""Capturing a disk, a partition or a file of one as the next generation of an image."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from initramfs.imaging.device.parallel import ProgressCallback, silent
from provisioner.commands.appliance import Appliance
from provisioner.commands.record import be_ready_to_record, record_change
from provisioner.images.operations import Added, Options, add_image, facts_of
from provisioner.security.actors import Actor, Right
from provisioner.security.keys import load_private_key


@dataclass(frozen=True, slots=True)
class CaptureImage:
    """What to capture. ``user`` is who the image says made it; the actor, if empty."""

    source: Path
    name: str
    description: str = ""
    user: str = ""
    options: Options = field(default_factory=Options)


def capture_image(
    appliance: Appliance, actor: Actor, wish: CaptureImage, progress: ProgressCallback = silent
) -> Added:
    """Add an image. Raises ForbiddenError, ImageNameError, DiskError (the source), StoreError."""
    actor.require(Right.IMAGES)
    be_ready_to_record(appliance)
    user = wish.user or actor.name
    facts = facts_of(wish.name, wish.source, wish.description, user, appliance.now())
    key = load_private_key(appliance.root)
    added = add_image(appliance.store, key, wish.source, facts, replace(wish.options, progress=progress))
    record_change(appliance, actor, "image capture", f"{added.reference} from {wish.source}")
    return added
