"""Making a smaller version of an image, for smaller disks."""

from __future__ import annotations

from dataclasses import dataclass

from initramfs.imaging.capture.capture import Facts
from initramfs.imaging.device.parallel import ProgressCallback, silent
from provisioner.commands.appliance import Appliance
from provisioner.commands.record import be_ready_to_record, record_change
from provisioner.images import shrink
from provisioner.images.operations import Added, load
from provisioner.security.actors import Actor, Right
from provisioner.security.keys import load_private_key
from provisioner.stores.names import check_name


@dataclass(frozen=True, slots=True)
class ShrinkImage:
    """Which image, and the new one's name. ``size`` in bytes; None: as small as the content allows.

    ``description``: the old image's, if empty. ``user``: the actor, if empty.
    """

    image: str
    name: str
    size: int | None = None
    description: str = ""
    user: str = ""


def shrink_image(
    appliance: Appliance, actor: Actor, wish: ShrinkImage, progress: ProgressCallback = silent
) -> tuple[int, Added]:
    """Add the smaller image; the old one's size, and the new one.

    Raises ForbiddenError, NoImageError, ImageNameError, LayoutError, DiskError, StoreError.
    """
    actor.require(Right.IMAGES)
    be_ready_to_record(appliance)
    store, key = appliance.store, load_private_key(appliance.root)
    old = load(store, store.resolve(wish.image), key.public_key())
    facts = Facts(
        check_name(wish.name),
        wish.description or old.header.description,
        old.title,
        wish.user or actor.name,
        int(appliance.now()),
    )
    added = shrink.shrink_image(
        store, key, old, facts, size=wish.size, folder=store.workspace, progress=progress
    )
    record_change(appliance, actor, "image shrink", f"{added.reference} from {old.title}")
    return old.header.size, added
