"""Writing an image as a file for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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


class Exported(NamedTuple):
    """Which image that was, what was done, and the option that an import of the file needs, if any."""

    reference: Reference
    counts: RestoreCounts
    needs: str


def export_image(
    appliance: Appliance, actor: Actor, wish: ExportImage, progress: ProgressCallback = silent
) -> Exported:
    """Write the file. Nothing of the appliance changes.

    Raises ForbiddenError, NoImageError, StoreError, DiskError.
    """
    actor.require(Right.DISKS)
    store = appliance.store
    reference = store.resolve(wish.name)
    image = load(store, reference, load_public_key(appliance.root))
    counts = exports.export_image(image, store, wish.file, wish.form, progress)
    return Exported(reference, counts, exports.import_hint(image, store))
