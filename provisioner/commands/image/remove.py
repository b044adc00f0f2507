"""Removing generations of images by name. Their chunks stay until garbage is collected."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.commands.appliance import Appliance
from provisioner.commands.record import record_change
from provisioner.security.actors import Actor, Right
from provisioner.stores.names import Reference


@dataclass(frozen=True, slots=True)
class RemoveImage:
    """The generations to remove, as the store has resolved them."""

    images: tuple[Reference, ...]


def remove_image(appliance: Appliance, actor: Actor, wish: RemoveImage) -> None:
    """Remove them. Raises ForbiddenError, NoImageError before anything changes, StoreError."""
    actor.require(Right.IMAGES)
    store = appliance.store
    for image in wish.images:
        store.resolve(str(image))
    for image in wish.images:
        store.remove(image)
        record_change(appliance, actor, "image rm", str(image))
