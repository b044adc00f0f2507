"""Writing an image as a file for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from initramfs.imaging.device.parallel import ProgressCallback, silent
from initramfs.imaging.restore.counts import RestoreCounts
from provisioner.commands.appliance import Appliance
from provisioner.images.formats import exports
from provisioner.images.formats.exports import Format
from provisioner.images.operations import load
from provisioner.security.actors import Actor, Right
from provisioner.security.keys import load_public_key
from provisioner.stores.names import Reference


@dataclass(frozen=True, slots=True)
class ExportImage:
    """Which image; a new file, or a folder for one."""

    name: str
    file: Path
    form: Format = Format.RAW


def export_image(
    appliance: Appliance, actor: Actor, wish: ExportImage, progress: ProgressCallback = silent
) -> tuple[Reference, RestoreCounts]:
    """Write the file; which image that was, and what was done. Nothing of the appliance changes.

    Raises ForbiddenError, NoImageError, StoreError, DiskError.
    """
    actor.require(Right.DISKS)
    store = appliance.store
    reference = store.resolve(wish.name)
    image = load(store, reference, load_public_key(appliance.root))
    return reference, exports.export_image(image, store, wish.file, wish.form, progress)
