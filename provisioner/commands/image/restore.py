"""Restoring an image to a disk, a partition or a file of the appliance's machine, and proving it there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from initramfs.imaging.device.parallel import ProgressCallback, silent
from initramfs.imaging.format.manifest import Manifest
from initramfs.imaging.format.source import ChunkSource
from initramfs.imaging.restore.counts import RestoreCounts
from initramfs.imaging.restore.layout import Layout
from initramfs.messages import Fit
from provisioner.commands.appliance import Appliance
from provisioner.images import operations
from provisioner.security.actors import Actor, Right
from provisioner.security.keys import load_public_key
from provisioner.stores.names import Reference


@dataclass(frozen=True, slots=True)
class RestoreImage:
    """Which image, and where to; see :func:`.operations.restore_image` for the others."""

    name: str
    target: Path
    partition: int | None = None
    delta: bool = True
    discard: bool = True
    fit: Fit = operations.AS_CAPTURED


def restore_image(
    appliance: Appliance,
    actor: Actor,
    wish: RestoreImage,
    source: ChunkSource | None = None,
    *,
    agree: Callable[[Manifest, Layout, str], None],
    tell: Callable[[str], None],
    progress: ProgressCallback = silent,
) -> tuple[Reference, RestoreCounts]:
    """Write the image; which one that was, and what was done. Nothing of the appliance changes.

    Chunks come from ``source``, else from the appliance's store, as the manifest always does. ``agree`` may
    refuse by raising before anything is written to a target that was there, and gets why an earlier restore
    to it did not end. Raises ForbiddenError, NoImageError, ProvisionerError, DiskError.
    """
    actor.require(Right.DISKS)
    store, fresh = appliance.store, not wish.target.exists()
    reference = store.resolve(wish.name)
    image = operations.load(store, reference, load_public_key(appliance.root))

    def agreed(layout: Layout, failure: str) -> None:
        if not fresh:
            agree(image, layout, failure)

    with operations.open_target(wish.target, image) as device:
        outcome = operations.restore_image(
            image,
            store if source is None else source,
            device,
            partition=wish.partition,
            agree=agreed,
            delta=wish.delta and not fresh,
            discard=wish.discard,
            fit=wish.fit,
            tell=tell,
            progress=progress,
        )
    return reference, outcome
